// JSON schemas in words, and an example of each.

import { html, nothing } from "../lit.js";

const DEEPEST = 3;

export function resolve(schema, document_) {
  return schema?.$ref ? document_.components.schemas[schema.$ref.split("/").pop()] : (schema ?? {});
}

/** A schema as a list of its members, or as one word. */
export function shape(schema, document_, depth = 0) {
  const found = resolve(schema, document_);
  if (found.type === "array") return html`<span class="muted">list of</span> ${shape(found.items, document_, depth)}`;
  if (!found.properties || depth >= DEEPEST) return html`<span class="muted">${word(schema, found)}</span>`;
  return html`<dl class="members">${Object.entries(found.properties).map(([name, each]) => html`<div>
    <dt><code>${name}</code>${found.required?.includes(name) ? nothing : html` <span class="muted">optional</span>`}</dt>
    <dd>${each.description ?? ""} ${shape(each, document_, depth + 1)}</dd></div>`)}</dl>`;
}

function word(schema, { type, enum: values, minimum, maximum, format, anyOf }) {
  if (values) return values.filter((each) => each !== null).join(" · ");
  const name = schema?.$ref?.split("/").pop() ?? (Array.isArray(type) ? type.join(" or ") : type) ?? (anyOf ? "one of several" : "anything");
  const bounds = minimum !== undefined || maximum !== undefined ? `, ${minimum ?? ""} to ${maximum ?? ""}` : "";
  return `${format && type === "string" ? format : name}${bounds}`;
}

/** A value that has the required members. */
export function example(schema, document_) {
  const found = resolve(schema, document_);
  if (found.example !== undefined) return found.example;
  if (found.enum) return found.enum[0];
  if (found.type === "array") return [example(found.items, document_)];
  if (found.properties) {
    const names = found.required ?? Object.keys(found.properties).slice(0, 1);
    return Object.fromEntries(names.map((name) => [name, example(found.properties[name], document_)]));
  }
  if (found.anyOf) return example(found.anyOf[0], document_);
  return { integer: found.minimum ?? 1, number: found.minimum ?? 1, boolean: true, object: {} }[found.type] ?? "…";
}
