"""Types of a gateway's own document: ``python -m mindia_client.generate [--to python|typescript] [FILE] > t.py``.

Without FILE it asks the gateway at ``MINDIA_URL`` with ``MINDIA_KEY``. The types that come with the clients were made
this way; a gateway with task types of its own has more of them.
"""

import argparse
import json
import keyword
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

Document = dict[str, Any]
#: The member of a schema whose shape depends on the task's type, and what the document calls the list of the shapes.
_RESULT, _BY_TYPE = "result", "x-by-type"
#: What a new task is; all its other members are ``Options``.
_ITSELF = ("type", "payload")
_OPTIONS = "What a task may be given beside type and payload; the API's document says what each means."
_PYTHON = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_TYPESCRIPT = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_HEAD = '"""Shapes of what the API takes and answers. Made by ``python -m mindia_client.generate``: do not edit."""'
_IMPORTS = """
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar, Unpack

from mindia_client.new_task import NewTask as _NewTask

R = TypeVar("R")"""


def python(document: Document) -> str:
    """The module ``types.py``."""
    schemas = _schemas(document)
    lines = [_HEAD, _IMPORTS]
    for name, schema in _in_order(schemas):
        lines.append(_python_class(name, schema))
    if generic := "|".join(name for name, schema in schemas.items() if _is_generic(schema)):
        lines = [re.sub(rf"\b({generic})\b(?!\()", r"\1[Any]", each) for each in lines]
    lines.append(_python_options(schemas["CreateTask"]))
    payloads, results = _by_type(document)
    for each, payload in payloads.items():
        named = all(_is_name(member) for member in schemas[payload].get("properties", {}))
        given = f"**payload: Unpack[{payload}]" if named else f"payload: {payload}"
        lines.append(f"\n\ndef {_snake(each)}({given}) -> _NewTask[{results.get(each, 'Any')}]:")
        lines.append(f'    return _NewTask("{each}", payload)')
    return "\n".join(lines) + "\n"


def typescript(document: Document) -> str:
    """The module ``types.d.ts``."""
    parts = ["// Shapes of what the API takes and answers. Made by `python -m mindia_client.generate`: do not edit.\n"]
    schemas = _schemas(document)
    for name, schema in _in_order(schemas):
        parts.append(_typescript_interface(name, schema))
    payloads, results = _by_type(document)
    rows = [f"  {each}: {{ payload: {it}; result: {results.get(each, 'unknown')} }};" for each, it in payloads.items()]
    note = "/** What each task type takes and makes. Declare your own by merging into this interface. */"
    options = " | ".join(json.dumps(each) for each in schemas["CreateTask"]["properties"] if each in _ITSELF)
    parts.append(f"/** {_OPTIONS} */\nexport type Options = Omit<CreateTask, {options}>;\n")
    parts.append("\n".join([note, "export interface TaskTypes {", *rows, "}\n"]))
    return "\n".join(parts)


def _python_class(name: str, schema: Document) -> str:
    if not all(_is_name(member) for member in schema.get("properties", {})):
        return f"\n\n{name} = dict[str, Any]"
    generic = _is_generic(schema)
    bases = "TypedDict, Generic[R]" if generic else "TypedDict"
    members = []
    for member, each in schema.get("properties", {}).items():
        shape = "R | None" if generic and member == _RESULT else _python_type(each)
        shape = shape if member in schema.get("required", []) else f"NotRequired[{shape}]"
        members.append(f"    {member}: {shape}")
    what = textwrap.dedent(schema.get("description") or "").strip().splitlines()
    doc = [f'    """{what[0]}"""'] if what else []
    return "\n".join([f"\n\nclass {name}({bases}):", *(doc + members or ["    pass"])])


def _python_options(schema: Document) -> str:
    members = [f"    {each}: {_python_type(shape)}" for each, shape in _options(schema).items()]
    return "\n".join(["\n\nclass Options(TypedDict, total=False):", f'    """{_OPTIONS}"""', "", *members]).replace(
        ": list[", ": Sequence["
    )


def _python_type(schema: Document) -> str:
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        kinds = {_python_type(each) for each in schema["anyOf"]}
        return "Any" if "Any" in kinds else _union(kinds)
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(each) if each is not None else 'None' for each in schema['enum'])}]"
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_python_type(schema | {"type": each}) for each in kind)
    if kind == "array":
        return f"list[{_python_type(schema.get('items', {}))}]"
    if kind == "object":
        return f"dict[str, {_python_type(schema.get('additionalProperties') or {})}]"
    return _PYTHON.get(kind or "", "Any")


def _union(kinds: set[str]) -> str:
    """In an order that does not depend on that of the task types."""
    return " | ".join(sorted(kinds, key=lambda each: (each in ("None", "null"), each)))


def _typescript_interface(name: str, schema: Document) -> str:
    generic = _is_generic(schema)
    lines = [f"export interface {name}{'<R = unknown>' if generic else ''} {{"]
    for member, each in schema.get("properties", {}).items():
        shape = "R | null" if generic and member == _RESULT else _typescript_type(each)
        mark = "" if member in schema.get("required", []) else "?"
        if told := each.get("description"):
            lines.append(f"  /** {' '.join(told.split())} */")
        lines.append(f"  {member}{mark}: {shape};")
    return "\n".join([*lines, "}\n"])


def _typescript_type(schema: Document) -> str:
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        kinds = {_typescript_type(each) for each in schema["anyOf"]}
        return "unknown" if "unknown" in kinds else _union(kinds)
    if "enum" in schema:
        return " | ".join(json.dumps(each) for each in schema["enum"])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_typescript_type(schema | {"type": each}) for each in kind)
    if kind == "array":
        inner = _typescript_type(schema.get("items", {}))
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if kind == "object":
        return f"Record<string, {_typescript_type(schema.get('additionalProperties') or {})}>"
    return _TYPESCRIPT.get(kind or "", "unknown")


def _schemas(document: Document) -> dict[str, Document]:
    """Those of objects; a name that begins with an underscore is one of ours in Python only."""
    return {name.lstrip("_"): each for name, each in document["components"]["schemas"].items()}


def _in_order(schemas: dict[str, Document]) -> Iterator[tuple[str, Document]]:
    yield from sorted(schemas.items())


def _by_type(document: Document) -> tuple[dict[str, str], dict[str, str]]:
    """The names of the payloads and of the results by type."""
    schemas = document["components"]["schemas"]
    payload, result = schemas["CreateTask"]["properties"]["payload"], schemas["TaskDetail"]["properties"][_RESULT]
    return tuple({kind: _name(each) for kind, each in sorted(shape.get(_BY_TYPE, {}).items())}
                 for shape in (payload, result))  # type: ignore[return-value]  # fmt: skip


def _options(schema: Document) -> dict[str, Document]:
    """The members of a new task but what it is itself."""
    return {name: each for name, each in schema["properties"].items() if name not in _ITSELF}


def _is_generic(schema: Document) -> bool:
    return _BY_TYPE in schema.get("properties", {}).get(_RESULT, {})


def _name(reference: Document) -> str:
    return str(reference["$ref"]).rpartition("/")[2].lstrip("_")


def _is_name(member: str) -> bool:
    return member.isidentifier() and not keyword.iskeyword(member)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _document(path: Path | None) -> Document:
    if path:
        found: Document = json.loads(path.read_text())
        return found
    url = os.environ.get("MINDIA_URL", "http://127.0.0.1:8000").rstrip("/")
    headers = {"Authorization": f"Bearer {os.environ.get('MINDIA_KEY', '')}"}
    answer = httpx.get(f"{url}/api/openapi.json", headers=headers, timeout=30)
    answer.raise_for_status()
    asked: Document = answer.json()
    return asked


def main(arguments: list[str]) -> int:
    """Prints the module."""
    parser = argparse.ArgumentParser(prog="python -m mindia_client.generate", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="an OpenAPI document; else the gateway's own")
    parser.add_argument("--to", choices=("python", "typescript"), default="python")
    options = parser.parse_args(arguments)
    print({"python": python, "typescript": typescript}[options.to](_document(options.file)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
