// A campaign's messages over the time it was active, in the buckets that the API chose (T2).

import { barChart } from "./chart_bars.js";
import { bucketName } from "./format.js";

const SERIES = [
  { key: "messages", label: "Messages" },
  { key: "delivered", label: "Delivered" },
  { key: "responses", label: "Responses" },
];

export function activityChart() {
  const chart = barChart({ id: "activity", title: "Contact message activity", column: "From", series: SERIES,
    nothing: "No message has been sent yet." });
  return {
    element: chart.element,
    stop: chart.stop,
    update({ buckets, granularity, zone }) {
      const groups = buckets.map((bucket) => ({ ...bucket, ...bucketName(bucket.at, granularity) }));
      chart.update(groups, granularity ? `Messages per ${granularity}, ${zone}` : "");
    },
  };
}
