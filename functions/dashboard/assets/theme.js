// The colour theme: the system's, or the one a person chose on this browser.

const KEY = "carillon.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };

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
  return theme;
}
