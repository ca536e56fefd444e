// How a campaign's variants do, and whether they really differ (M2).

import { h } from "./dom.js";
import { ratesTable } from "./verdicts.js";

const COUNTS = [
  { key: "submitted", label: "Submitted" },
  { key: "delivered", label: "Delivered" },
  { key: "failed", label: "Failed" },
  { key: "responded", label: "Responded" },
  { key: "opted_out", label: "Opted out" },
  { key: "converted", label: "Converted" },
];

export function variantsCard() {
  const table = ratesTable({ caption: "Variants side by side", first: "Variant", counts: COUNTS });
  const element = h("section", { class: "card", id: "variants", "aria-labelledby": "variants-title", hidden: true },
    h("h2", { id: "variants-title" }, "Variants"), table.element);
  let shown = "";
  return {
    element,
    update(answer) {
      element.hidden = answer.variants.length === 0;
      const key = JSON.stringify(answer.variants);
      if (element.hidden || key === shown) return;
      shown = key;
      table.update(answer.variants.map((row) => ({ ...row, id: row.variant, name: row.variant })), answer);
    },
  };
}
