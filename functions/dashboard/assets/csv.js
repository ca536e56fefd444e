// Rows as a CSV file, written as the API writes its own.

// A spreadsheet takes a cell that starts with one of these for a formula.
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
const QUOTED = /[,;\t"\r\n]/;

/** Return *rows* of cells as CSV lines; text that a spreadsheet would run is shown instead. */
export function csvLines(rows) {
  return rows.map((cells) => `${cells.map(written).join(",")}\r\n`).join("");
}

/** Hand *blob* to the reader as the file *name*. */
export function saveAs(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

function written(cell) {
  const text = String(cell ?? "");
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
