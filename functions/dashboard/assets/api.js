// Calls to our own API, on the page's own origin and stage, and their errors as one class.

const TIMEOUT_MS = 15_000;

/**
 * A call that did not succeed, in the shape of RFC 9457. `status` is 0 when the
 * API could not be reached at all; `message` is a sentence for a person.
 */
export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export class Api {
  #session;
  #onSessionEnd;

  constructor(session, onSessionEnd) {
    this.#session = session;
    this.#onSessionEnd = onSessionEnd;
  }

  async get(path, signal) {
    return read(await this.#call("GET", path, signal));
  }

  async post(path) {
    return read(await this.#call("POST", path));
  }

  /** A GET whose answer is a file, as a Blob. */
  async file(path) {
    return (await this.#call("GET", path)).blob();
  }

  async #call(method, path, signal) {
    let response = await this.#send(method, path, signal);
    if (response.status === 401) {
      // The token may have been revoked or the clock may be off: one fresh token, one more try.
      await this.#session.refresh().catch(unreachable);
      response = await this.#send(method, path, signal);
    }
    if (response.ok) return response;
    throw await this.#problem(response);
  }

  async #send(method, path, signal) {
    const token = await this.#session.accessToken().catch(unreachable);
    if (!token) throw this.#ended();
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    try {
      return await fetch(`v1/${path}`, {
        method,
        headers: { Authorization: `Bearer ${token}`, Accept: "application/json, text/csv" },
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        credentials: "omit",
        cache: "no-store",
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      return unreachable();
    }
  }

  async #problem(response) {
    if (response.status === 401) return this.#ended();
    const body = await response.json().catch(() => ({}));
    const detail = body.detail ?? `The service answered with an error (${response.status}).`;
    return new Problem(response.status, body.code ?? "", detail);
  }

  #ended() {
    this.#session.signOut();
    this.#onSessionEnd();
    return new Problem(401, "signed_out", "Your session has ended. Sign in again.");
  }
}

function read(response) {
  return response.status === 204 ? null : response.json();
}

function unreachable() {
  throw new Problem(0, "unreachable", "The service cannot be reached.");
}
