// Asking again and again, politely: not while the tab is hidden, ever more slowly while it fails.

const FASTEST_RETRY_MS = 2_000;
const SLOWEST_RETRY_MS = 60_000;

/**
 * Run *task* now and then again after as many milliseconds as it resolves to.
 *
 * *task* gets an AbortSignal. When it throws, *onTrouble* gets the error and the
 * milliseconds until the next try, which double each time; a hidden tab waits
 * until it is seen again. Returns {stop, now}.
 */
export function poll(task, onTrouble) {
  let controller = null;
  let timer = 0;
  let failures = 0;
  let stopped = false;

  async function run() {
    clearTimeout(timer);
    controller?.abort();
    const mine = (controller = new AbortController());
    let wait;
    try {
      wait = await task(mine.signal);
      failures = 0;
    } catch (error) {
      if (mine.signal.aborted || stopped) return;
      wait = Math.min(SLOWEST_RETRY_MS, FASTEST_RETRY_MS * 2 ** failures);
      failures += 1;
      onTrouble(error, wait);
    }
    if (mine === controller && !stopped && !document.hidden) timer = setTimeout(run, wait);
  }

  function onVisibility() {
    if (document.hidden) clearTimeout(timer);
    else run();
  }

  function stop() {
    stopped = true;
    clearTimeout(timer);
    controller?.abort();
    document.removeEventListener("visibilitychange", onVisibility);
  }

  document.addEventListener("visibilitychange", onVisibility);
  run();
  return { stop, now: run };
}
