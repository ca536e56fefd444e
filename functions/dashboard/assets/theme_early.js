// Not a module: it runs before the first paint, so that a chosen theme never flashes.
try {
  const chosen = localStorage.getItem("carillon.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; the system's theme is used then.
}
