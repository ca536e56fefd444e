// Sign-in with the organisation's Cognito user pool, and the tokens that come of it.
//
// Tokens stay in memory and in this tab's sessionStorage: a reload keeps the
// session, closing the tab ends it.

const KEY = "carillon.session";
// An access token this close to its end is refreshed before it is used.
const REFRESH_BEFORE_MS = 90_000;
const TIMEOUT_MS = 15_000;

// What a person reads for each error of the identity service, by its code.
const MESSAGES = {
  NotAuthorizedException: "The email or the password is not right.",
  UserNotFoundException: "The email or the password is not right.",
  UserNotConfirmedException: "This account is not confirmed yet. Ask your administrator.",
  PasswordResetRequiredException: "The password of this account must be reset. Ask your administrator.",
  TooManyRequestsException: "Too many tries. Wait a minute, then try again.",
  LimitExceededException: "Too many tries. Wait a minute, then try again.",
  InvalidPasswordException: "The new password does not meet the organisation's rules: make it longer, with capitals, digits and signs.",
};

/** Signing in did not work; `message` is for the person, `code` is the service's own. */
export class SignInError extends Error {
  constructor(code) {
    super(MESSAGES[code] ?? `Signing in did not work (${code}). Try again in a moment.`);
    this.code = code;
  }
}

export class Session {
  #config;
  #tokens;
  #refreshing = null;

  constructor(config) {
    this.#config = config;
    this.#tokens = restore();
  }

  get signedIn() {
    return this.#tokens !== null;
  }

  get email() {
    return this.#tokens?.email ?? "";
  }

  /** Sign in. Returns null, or the challenge to answer by setNewPassword. Throws SignInError. */
  async signIn(email, password) {
    const answer = await this.#call("InitiateAuth", {
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: this.#config.client_id,
      AuthParameters: { USERNAME: email, PASSWORD: password },
    });
    return this.#settle(answer, email);
  }

  /** Answer a NEW_PASSWORD_REQUIRED challenge. Throws SignInError. */
  async setNewPassword(challenge, password) {
    const answer = await this.#call("RespondToAuthChallenge", {
      ChallengeName: "NEW_PASSWORD_REQUIRED",
      ClientId: this.#config.client_id,
      Session: challenge.session,
      ChallengeResponses: { USERNAME: challenge.username, NEW_PASSWORD: password },
    });
    return this.#settle(answer, challenge.email);
  }

  /** Return an access token that is good for a while yet, or null when the session has ended. */
  async accessToken() {
    if (!this.#tokens) return null;
    if (Date.now() > this.#tokens.expiresAt - REFRESH_BEFORE_MS) await this.refresh();
    return this.#tokens?.access ?? null;
  }

  /** Get a new access token; ends the session when the service refuses. One call at a time. */
  refresh() {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** Forget the tokens, and have the service revoke them when it can be reached. */
  signOut() {
    const refresh = this.#tokens?.refresh;
    this.#keep(null);
    if (refresh) this.#call("RevokeToken", { ClientId: this.#config.client_id, Token: refresh }).catch(() => {});
  }

  async #refresh() {
    if (!this.#tokens?.refresh) return this.#keep(null);
    const { email, refresh } = this.#tokens;
    try {
      const answer = await this.#call("InitiateAuth", {
        AuthFlow: "REFRESH_TOKEN_AUTH",
        ClientId: this.#config.client_id,
        AuthParameters: { REFRESH_TOKEN: refresh },
      });
      // Signed out while we asked: stay so.
      if (this.#tokens) this.#settle(answer, email, refresh);
    } catch (error) {
      // Unreachable is not refused: keep the session and let the caller show the trouble.
      if (!(error instanceof SignInError) || error.code === "Unreachable") throw error;
      this.#keep(null);
    }
  }

  #settle(answer, email, oldRefresh = null) {
    if (answer.ChallengeName === "NEW_PASSWORD_REQUIRED") {
      const username = answer.ChallengeParameters?.USER_ID_FOR_SRP ?? email;
      return { session: answer.Session, username, email };
    }
    const result = answer.AuthenticationResult;
    if (!result) throw new SignInError(answer.ChallengeName ?? "UnknownAnswer");
    this.#keep({
      access: result.AccessToken,
      refresh: result.RefreshToken ?? oldRefresh,
      expiresAt: Date.now() + result.ExpiresIn * 1000,
      email,
    });
    return null;
  }

  #keep(tokens) {
    this.#tokens = tokens;
    try {
      if (tokens) sessionStorage.setItem(KEY, JSON.stringify(tokens));
      else sessionStorage.removeItem(KEY);
    } catch {
      // Storage may be forbidden; the session then lasts until a reload.
    }
  }

  async #call(operation, body) {
    let response;
    try {
      response = await fetch(this.#config.identity_endpoint, {
        method: "POST",
        headers: {
          "Content-Type": "application/x-amz-json-1.1",
          "X-Amz-Target": `AWSCognitoIdentityProviderService.${operation}`,
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        credentials: "omit",
      });
    } catch {
      throw unreachable();
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    if (response.status >= 500) throw unreachable();
    // "com.amazonaws...#NotAuthorizedException" and the bare name both occur.
    throw new SignInError(String(answer.__type ?? `HTTP ${response.status}`).split("#").pop());
  }
}

function unreachable() {
  const error = new SignInError("Unreachable");
  error.message = "The sign-in service cannot be reached. Check the connection and try again.";
  return error;
}

function restore() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}
