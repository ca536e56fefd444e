// The colour theme: the system's, or the one a person chose on this browser.

const KEY = "carillon.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const listeners = new Set();

export function currentTheme() {
  return document.documentElement.dataset.theme ?? "auto";
}

/** Go on to the next of auto, light, dark; return it. */
export function cycleTheme() {
  const theme = NEXT[currentTheme()];
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Not remembered then; it still holds for this page.
  }
  notify();
  return theme;
}

/** Call *listener* whenever colours change; return what stops it. Canvases cannot follow CSS. */
export function onThemeChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function notify() {
  for (const listener of listeners) listener();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", notify);
