// The HTTP API for a reader, drawn from openapi.json: one document, nothing fetched from elsewhere.

import { announce, h, setChildren, setText } from "./dom.js";
import { bell } from "./parts.js";
import { currentTheme, cycleTheme } from "./theme.js";

const content = document.getElementById("content");
const contents = document.getElementById("contents");

const WORDS = { api: "API", "opt-outs": "Opt-outs" };

function titleOf(tag) {
  const words = WORDS[tag] ?? tag.replaceAll("-", " ").replace("api ", "API ");
  return words[0].toUpperCase() + words.slice(1);
}

/** Return the operations of *spec* by tag, each {id, method, path, operation}. */
function grouped(spec) {
  const groups = new Map();
  for (const [path, byMethod] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(byMethod)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ id: operation.operationId, method: method.toUpperCase(), path, operation });
    }
  }
  return [...groups].sort(([one], [other]) => one.localeCompare(other));
}

// Text with `code` and **strong** in it, and lines that begin with "* " as a list.

function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return h("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return h("strong", {}, part.slice(2, -2));
    return part;
  });
}

function prose(text) {
  const blocks = [];
  for (const line of text.split("\n").filter((one) => one.trim())) {
    if (!line.startsWith("* ")) blocks.push(h("p", {}, inline(line)));
    else {
      if (blocks.at(-1)?.tagName !== "UL") blocks.push(h("ul", { class: "bullets" }));
      blocks.at(-1).append(h("li", {}, inline(line.slice(2))));
    }
  }
  return blocks;
}

// Schemas ------------------------------------------------------------------------

function nameOf(reference) {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

function schemaLink(name) {
  return h("a", { href: `#schema-${name}` }, name);
}

/** Return what *schema* takes in a few words, as nodes. */
function typeOf(schema) {
  if (schema.$ref) return [schemaLink(nameOf(schema.$ref))];
  if (schema.anyOf) return schema.anyOf.flatMap((one, index) => (index ? [" or ", ...typeOf(one)] : typeOf(one)));
  const types = [schema.type ?? "anything"].flat();
  return types.flatMap((type, index) => {
    const before = index ? [" or "] : [];
    if (type === "array") return [...before, "list of ", ...typeOf(schema.items ?? {})];
    if (type === "string" && schema.format === "date-time") return [...before, "time"];
    return [...before, type === "string" ? "text" : type];
  });
}

function limitsOf(schema) {
  const { minimum, maximum, minLength, maxLength, maxItems } = schema;
  const limits = [];
  if (minimum !== undefined || maximum !== undefined) limits.push(`${minimum ?? "…"} to ${maximum ?? "…"}`);
  if (minLength !== undefined || maxLength !== undefined) limits.push(`${minLength ?? 0} to ${maxLength ?? "…"} characters`);
  if (maxItems !== undefined) limits.push(`at most ${maxItems} entries`);
  if (schema.default !== undefined) limits.push(`default ${schema.default}`);
  return limits.join(", ");
}

function aboutSchema(schema) {
  const values = (schema.enum ?? schema.items?.enum ?? []).filter((value) => value !== null);
  const limits = limitsOf(schema);
  return [
    schema.description ? h("p", {}, inline(schema.description)) : null,
    limits ? h("p", { class: "quiet" }, limits) : null,
    values.length ? h("p", { class: "values" }, values.flatMap((value) => [h("code", {}, value), " "])) : null,
    ...nested(schema),
  ];
}

/** Return the fields of an object that has no name of its own. */
function nested(schema) {
  const inner = schema.properties ? schema : schema.items;
  return inner?.properties ? [fields(inner)] : [];
}

function row(name, isRequired, schema) {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("code", {}, name), isRequired ? h("span", { class: "required" }, "required") : null),
    h("td", { class: "type" }, typeOf(schema)),
    h("td", {}, aboutSchema(schema)),
  );
}

function table(rows, ...names) {
  const head = h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": names[0] }, h("table", { class: "api-table" }, h("thead", {}, head), h("tbody", {}, rows)));
}

function fields(schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties).map(([name, one]) => row(name, required.has(name), one));
  return table(rows, "Field", "Type", "About");
}

function schemaSection(name, schema) {
  return h(
    "section",
    { class: "card schema", id: `schema-${name}` },
    h("h3", {}, h("a", { href: `#schema-${name}` }, name)),
    schema.description ? h("p", {}, inline(schema.description)) : null,
    schema.properties ? fields(schema) : h("p", {}, typeOf(schema)),
  );
}

// Operations -----------------------------------------------------------------------

function resolved(spec, part) {
  if (!part.$ref) return part;
  return part.$ref.slice(2).split("/").reduce((node, key) => node[key], spec);
}

function parametersOf(spec, operation) {
  const parameters = operation.parameters.map((one) => resolved(spec, one));
  if (!parameters.length) return null;
  const rows = parameters.map((one) => {
    const shown = row(one.name, one.required, one.schema);
    if (one.description) shown.lastChild.prepend(h("p", {}, inline(one.description)));
    shown.firstChild.append(h("span", { class: "place" }, one.in));
    return shown;
  });
  return [h("h4", {}, "Parameters"), table(rows, "Parameter", "Type", "About")];
}

function bodyOf(operation) {
  const schema = operation.requestBody?.content["application/json"]?.schema;
  return schema ? [h("h4", {}, "Body"), h("p", {}, "JSON, ", typeOf(schema))] : null;
}

function answersOf(spec, operation) {
  const rows = Object.entries(operation.responses).map(([status, answer]) => {
    const { description, content: types } = resolved(spec, answer);
    const schema = Object.values(types ?? {})[0]?.schema;
    return h(
      "tr",
      { "data-kind": status[0] },
      h("th", { scope: "row" }, h("code", {}, status)),
      h("td", { class: "type" }, schema ? typeOf(schema) : ""),
      h("td", {}, status[0] === "2" ? "" : inline(description)),
    );
  });
  return [h("h4", {}, "Answers"), table(rows, "Status", "Body", "When")];
}

function exampleOf(spec, { method, path, operation }) {
  const parameters = operation.parameters.map((one) => resolved(spec, one));
  const lines = [`curl -X ${method} "$API${path}"`, '  -H "Authorization: Bearer $TOKEN"'];
  if (parameters.some((one) => one.name === "If-Match")) lines.push("  -H 'If-Match: \"1\"'");
  const name = nameOf(operation.requestBody?.content["application/json"]?.schema.$ref ?? "");
  if (name) {
    const schema = spec.components.schemas[name];
    const body = Object.fromEntries((schema.required ?? []).map((one) => [one, sampleOf(schema.properties[one])]));
    lines.push('  -H "Content-Type: application/json"', `  -d '${JSON.stringify(body)}'`);
  }
  const text = lines.join(" \\\n");
  return [h("h4", {}, "Example"), h("pre", { class: "example", tabindex: "0" }, h("code", {}, text))];
}

function sampleOf(schema) {
  if (schema.enum) return schema.enum[0];
  if (schema.format === "date-time") return "2026-11-22T10:00:00Z";
  const samples = { integer: schema.minimum ?? 1, number: schema.minimum ?? 1, boolean: true, array: [], object: {} };
  return samples[[schema.type].flat()[0]] ?? "…";
}

function operationSection(spec, one) {
  const { id, method, path, operation } = one;
  const machines = operation.security.some((scheme) => "ApiKey" in scheme);
  return h(
    "section",
    { class: "card operation", id },
    h("h3", {}, h("a", { href: `#${id}` }, h("span", { class: "method", "data-method": method }, method), " ", h("code", { class: "path" }, broken(path)))),
    h("p", { class: "summary" }, inline(operation.summary)),
    h("p", { class: "quiet" }, operation.description, machines ? "" : " Needs a person's access token."),
    h(
      "details",
      {},
      h("summary", {}, "Parameters, body, answers", h("span", { class: "visually-hidden" }, ` of ${method} ${path}`)),
      parametersOf(spec, operation),
      bodyOf(operation),
      answersOf(spec, operation),
      exampleOf(spec, one),
    ),
  );
}

/** Return *path* with places where a narrow screen may break it. */
function broken(path) {
  return path.split("/").flatMap((part, index) => (index ? [h("wbr"), `/${part}`] : [part]));
}

// Problems -------------------------------------------------------------------------

function problemsSection(spec) {
  const codes = Object.entries(spec.components.schemas.ProblemCode["x-codes"]);
  const rows = codes.map(([code, { statuses, detail }]) =>
    h("tr", {}, h("th", { scope: "row" }, h("code", {}, code)), h("td", {}, statuses.join(", ")), h("td", {}, detail)),
  );
  return h(
    "section",
    { class: "card", id: "problems" },
    h("p", {}, "Every refusal is a ", schemaLink("Problem"), ". Programs read its code; a client takes one that it does not know for what its status says."),
    table(rows, "Code", "Status", "What it may say"),
  );
}

// The page -------------------------------------------------------------------------

function drawBar() {
  const theme = h("button", { class: "button small quiet-button", type: "button", on: { click: () => setText(theme, named(cycleTheme())) } }, named(currentTheme()));
  setChildren(document.getElementById("bar"), [
    h("a", { class: "brand", href: "./" }, bell(), "Carillon", h("span", { class: "organisation" }, "HTTP API")),
    h("div", { class: "bar-end" }, h("a", { href: "openapi.json" }, "openapi.json"), theme),
  ]);
}

function named(theme) {
  return { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" }[theme];
}

function drawContents(spec, groups) {
  const search = h("input", { type: "search", id: "search", placeholder: "Find an operation ( / )", "aria-label": "Find an operation", on: { input: narrow } });
  const lists = groups.map(([tag, all]) =>
    h(
      "details",
      { class: "group", open: matchMedia("(min-width: 60rem)").matches },
      h("summary", {}, titleOf(tag)),
      h("ul", {}, all.map(entry)),
    ),
  );
  const more = h("ul", { class: "more" }, link("problems", "Problem codes"), link("schemas", "Schemas"));
  contents.append(search, ...lists, more);

  function entry({ id, method, path, operation }) {
    const words = `${method} ${path} ${operation.summary}`.toLowerCase();
    return h("li", { "data-words": words }, h("a", { href: `#${id}`, title: operation.summary }, h("span", { class: "method", "data-method": method }, method), " ", broken(path.replace("/v1", ""))));
  }

  function narrow() {
    const wanted = search.value.trim().toLowerCase();
    let left = 0;
    for (const list of lists) {
      const entries = [...list.querySelectorAll("li")];
      for (const one of entries) one.hidden = !one.dataset.words.includes(wanted);
      const found = entries.filter((one) => !one.hidden).length;
      left += found;
      list.hidden = found === 0;
      if (wanted) list.open = true;
    }
    announce(wanted ? `${left} ${left === 1 ? "operation" : "operations"}` : "");
  }
}

function link(id, words) {
  return h("li", {}, h("a", { href: `#${id}` }, words));
}

function drawContent(spec, groups) {
  setChildren(content, [
    h("h1", {}, "Carillon's HTTP API"),
    ...prose(spec.info.description),
    ...groups.flatMap(([tag, all]) => [h("h2", { id: `tag-${tag}` }, titleOf(tag)), ...all.map((one) => operationSection(spec, one))]),
    h("h2", {}, "Problem codes"),
    problemsSection(spec),
    h("h2", { id: "schemas" }, "Schemas"),
    ...Object.entries(spec.components.schemas).map(([name, schema]) => schemaSection(name, schema)),
  ]);
}

/** Open and show what the address names. */
function goThere() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target || target === content) return;
  for (const details of target.querySelectorAll(":scope > details")) details.open = true;
  target.scrollIntoView();
}

async function start() {
  drawBar();
  try {
    const response = await fetch("openapi.json");
    if (!response.ok) throw new Error(String(response.status));
    const spec = await response.json();
    const groups = grouped(spec);
    drawContents(spec, groups);
    drawContent(spec, groups);
  } catch {
    const again = h("button", { class: "button", type: "button", on: { click: () => location.reload() } }, "Try again");
    setChildren(content, [h("p", { class: "notice" }, "The contract could not be read.", again)]);
    return;
  }
  goThere();
  addEventListener("hashchange", goThere);
}

// Paper shows everything.
addEventListener("beforeprint", () => {
  for (const details of content.querySelectorAll("details")) details.open = true;
});
addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.getElementById("search")?.focus();
});

start();
