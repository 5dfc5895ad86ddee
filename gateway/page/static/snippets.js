// A request as a line to copy: curl, Python, JavaScript. The key stands as a variable, so that it lands in no history.

import { address } from "./api.js";

/** {curl, Python, JavaScript} of `request` {method, path, query, body, file}; `file` is the name of one to upload. */
export function snippets(request) {
  const url = address(request.path, request.query).href;
  const method = request.method ?? "GET";
  return { curl: curl(method, url, request), Python: python(method, url, request), JavaScript: javascript(method, url, request) };
}

function curl(method, url, { body, file }) {
  const parts = ["curl"];
  if (method !== (file || body !== undefined ? "POST" : "GET")) parts.push(`-X ${method}`);
  parts.push('-H "Authorization: Bearer $KEY"');
  if (file) parts.push(`-F ${shell(`file=@${file}`)}`);
  if (body !== undefined) parts.push("-H 'Content-Type: application/json'", `-d ${shell(JSON.stringify(body))}`);
  return [...parts, shell(url)].join(" ");
}

function python(method, url, { body, file }) {
  const options = [
    `headers={"Authorization": f"Bearer {os.environ['KEY']}"}`,
    ...(body === undefined ? [] : [`json=${literal(body)}`]),
    ...(file ? [`files={"file": open(${JSON.stringify(file)}, "rb")}`] : []),
  ];
  return `import os, requests; print(requests.${method.toLowerCase()}(${JSON.stringify(url)}, ${options.join(", ")}).text)`;
}

function javascript(method, url, { body, file }) {
  const headers = ["Authorization: `Bearer ${process.env.KEY}`"];
  const options = method === "GET" ? [] : [`method: ${JSON.stringify(method)}`];
  if (body !== undefined) {
    headers.push('"Content-Type": "application/json"');
    options.push(`body: JSON.stringify(${JSON.stringify(body)})`);
  }
  options.push(`headers: { ${headers.join(", ")} }`);
  const before = file
    ? `const form = new FormData(); form.set("file", await (await import("node:fs")).openAsBlob(${JSON.stringify(file)}), ${JSON.stringify(file)}); `
    : "";
  if (file) options.push("body: form");
  return `${before}console.log(await (await fetch(${JSON.stringify(url)}, { ${options.join(", ")} })).text())`;
}

/** As one word for a shell, whatever it holds. */
function shell(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A JSON value as Python writes it. */
function literal(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object" && !("rawJSON" in value)) {
    return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}
