// Inputs made of a JSON schema; what has no simple form is JSON to edit.

import { html, nothing } from "../lit.js";
import { uploads } from "../upload-names.js";
import { update } from "../update.js";

/**
 * Inputs for all members of an object's schema, in `values`, which they change. `offers` has values for members by their
 * names, as [value, label] each.
 */
export function fields(schema, values, prefix, offers = {}) {
  const properties = schema?.properties ?? {};
  const names = Object.keys(properties);
  if (!names.length) return raw(values, `${prefix}-json`);
  return html`<div class="stack">${inputs(properties, names, values, prefix, schema.required ?? [], offers)}</div>`;
}

/** What is wrong with what was sent, a line each where that is more than its message says. */
export function defects({ errors }) {
  return errors?.length > 1 ? html`<ul class="bad">${errors.map(({ pointer, detail }) => html`<li><code>${pointer}</code> ${detail}</li>`)}</ul>` : nothing;
}

/** Inputs for the named members. */
export function inputs(properties, names, values, prefix, required = [], offers = {}) {
  return names.map((name) => input(name, properties[name], values, `${prefix}-${name}`, required.includes(name), offers[name]));
}

function input(name, schema, values, id, required, offered) {
  const set = (value) => {
    if (value === undefined || value === "") delete values[name];
    else values[name] = value;
    update();
  };
  return html`<label for=${id}><span>${name}${required ? nothing : html` <span class="muted">optional</span>`}</span>
    ${control(name, schema, values[name], id, required, set, offered)}
    ${schema.description ? html`<small class="muted">${schema.description}</small>` : nothing}</label>`;
}

function control(name, schema, value, id, required, set, offered) {
  const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== "null") : schema.type;
  if (schema.enum) {
    return html`<select id=${id} ?required=${required} @change=${(event) => set(event.target.value)}>
      <option value="" ?selected=${value === undefined}></option>
      ${schema.enum.filter((each) => each !== null).map((each) => html`<option ?selected=${each === value}>${each}</option>`)}</select>`;
  }
  if (type === "boolean") {
    return html`<input id=${id} type="checkbox" .checked=${value === true} @change=${(event) => set(event.target.checked)}>`;
  }
  if (type === "integer" || type === "number") {
    return html`<input id=${id} type="number" step=${type === "integer" ? 1 : "any"} min=${schema.minimum ?? nothing} max=${schema.maximum ?? nothing}
      .value=${value ?? ""} ?required=${required} placeholder=${schema.default ?? nothing}
      @input=${(event) => set(event.target.value === "" ? undefined : Number(event.target.value))}>`;
  }
  if (type === "string" && schema.format === "date-time") return moment(value, id, required, set);
  if (type === "array" && schema.items?.type === "string") return words(value, id, required, set);
  if (type === "string") return text(schema, value, id, required, set, offered ?? files(name, schema));
  return rawMember(value, id, set);
}

/** Ids of files are chosen among the newest uploads. */
function files(name, { format }) {
  if (format !== "uuid") return [];
  return uploads().filter(({ kind }) => name !== "video_id" || kind === "video").map(({ id, filename }) => [id, filename]);
}

/** A text that is typed, or chosen among what is offered. */
function text(schema, value, id, required, set, offered) {
  const [, label] = offered.find(([each]) => each === value) ?? [];
  return html`<input id=${id} type=${schema.writeOnly ? "password" : "text"} .value=${value ?? ""} ?required=${required} placeholder=${schema.default ?? nothing}
      list=${offered.length ? `${id}-list` : nothing} spellcheck="false"
      autocomplete="off" maxlength=${schema.maxLength ?? nothing} @input=${(event) => set(event.target.value)}>
    ${offered.length ? html`<datalist id="${id}-list">${offered.map(([each, words]) => html`<option value=${each}>${words}</option>`)}</datalist>` : nothing}
    ${label ? html`<small class="muted">${label}</small>` : nothing}`;
}

/** A moment in this place's time, which is sent with the offset that it has. */
function moment(value, id, required, set) {
  const choose = ({ target }) => set(target.value ? new Date(target.value).toISOString() : undefined);
  return html`<input id=${id} type="datetime-local" step="1" .value=${value ? local(value) : ""} ?required=${required} @change=${choose}>`;
}

function local(time) {
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Several texts, with commas between them. */
function words(value, id, required, set) {
  const change = ({ target }) => {
    const all = target.value.split(",").map((each) => each.trim()).filter(Boolean);
    set(all.length ? all : undefined);
  };
  return html`<input id=${id} type="text" .value=${value?.join(", ") ?? ""} ?required=${required} spellcheck="false" autocomplete="off"
    placeholder="with commas between" @change=${change}>`;
}

function rawMember(value, id, set) {
  return html`<textarea id=${id} rows="3" spellcheck="false" .value=${value === undefined ? "" : JSON.stringify(value)}
    @change=${(event) => edit(event.target, (parsed) => set(parsed))}></textarea>`;
}

/** A whole object as JSON. */
function raw(values, id) {
  const set = (parsed) => {
    Object.keys(values).forEach((name) => delete values[name]);
    Object.assign(values, parsed);
    update();
  };
  return html`<label for=${id}>JSON<textarea id=${id} rows="6" spellcheck="false" .value=${JSON.stringify(values, null, 2)}
    @change=${(event) => edit(event.target, set)}></textarea></label>`;
}

function edit(target, set) {
  try {
    target.setCustomValidity("");
    set(target.value.trim() ? JSON.parse(target.value) : undefined);
  } catch (error) {
    target.setCustomValidity(error.message);
    target.reportValidity();
  }
}
