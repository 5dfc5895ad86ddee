"""Types that openapi-typescript makes of the document allow a call of each operation of a served gateway."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.gateway.served import KEY

PROGRAM = Path(__file__).parent / "typescript"
#: The compiler's own declarations are not checked: that would take longer than all else.
COMPILE = "--outDir . --target es2022 --module nodenext --strict --skipLibCheck --lib es2022,dom,dom.iterable"


def run(*command: str, cwd: Path, **environ: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environ, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed() -> Path:
    """The folder in which npm has installed what compiles; the test is skipped where that cannot be."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("node and npm are not installed: no TypeScript was compiled")
    try:
        run(npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", cwd=PROGRAM)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm could not install what compiles TypeScript: {str(error)[-300:]}")
    return PROGRAM


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The program in a folder of its own, beside what npm installs for it once."""
    tools = installed()
    folder = tmp_path / "program"
    shutil.copytree(PROGRAM, folder, symlinks=True, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(tools / "node_modules")
    return folder


def test_every_operation_can_be_called(project: Path, things: dict[str, Any]) -> None:
    document = requests.get(f"{things['url']}/api/openapi.json", headers=KEY, timeout=30)
    (project / "openapi.json").write_bytes(document.content)
    node, tools = "node", "node_modules"
    run(node, f"{tools}/openapi-typescript/bin/cli.js", "openapi.json", "-o", "api.ts", cwd=project)
    run(node, f"{tools}/typescript/bin/tsc", *COMPILE.split(), "calls.ts", cwd=project)
    statuses = json.loads(run(node, "calls.js", cwd=project, THINGS=json.dumps(things)))
    items = [each for path in document.json()["paths"].values() for name, each in path.items() if name != "parameters"]
    assert statuses.keys() == {each["operationId"] for each in items}
    assert {name: status for name, status in statuses.items() if status not in (200, 201, 202, 204)} == {}
