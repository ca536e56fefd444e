// Building and changing elements. Text only ever becomes text: there is no markup from strings here.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Return a new element. *props* are attributes, except `on` (listeners by event name);
 * null, undefined and false leave an attribute out. Children are nodes, texts or null.
 */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Like h, for SVG elements. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else setAttribute(element, name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set an attribute only when it differs; null, undefined and false remove it. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Set the text only when it differs, so that nothing flickers and a selection survives. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make *nodes* the children of *parent*, moving as few as possible, so that focus survives. */
export function setChildren(parent, nodes) {
  nodes.forEach((node, index) => {
    if (parent.childNodes[index] !== node) parent.insertBefore(node, parent.childNodes[index] ?? null);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}

/** Say *text* to screen readers, politely, without showing it. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
