// Signing in, and setting the first password where the organisation asks for it.

import { h, setChildren } from "./dom.js";

/** Show the form in *place*; *onDone* runs once signed in. *message* says why one is here. */
export function signInPage(place, { session, organisation, message, onDone }) {
  document.title = "Sign in · Carillon";
  const form = passwordForm({
    fields: [
      { id: "email", label: "Email", type: "email", autocomplete: "username" },
      { id: "password", label: "Password", type: "password", autocomplete: "current-password" },
    ],
    action: "Sign in",
    async submit({ email, password }) {
      const challenge = await session.signIn(email.trim(), password);
      if (challenge) newPassword(place, { session, challenge, organisation, onDone });
      else onDone();
    },
  });
  card(place, { title: "Sign in", organisation, message, form });
}

function newPassword(place, { session, challenge, organisation, onDone }) {
  const form = passwordForm({
    fields: [
      { id: "new-password", label: "New password", type: "password", autocomplete: "new-password" },
      { id: "repeated", label: "New password again", type: "password", autocomplete: "new-password" },
    ],
    action: "Set password and sign in",
    async submit(values) {
      if (values["new-password"] !== values.repeated) throw new Error("The two passwords are not the same.");
      await session.setNewPassword(challenge, values["new-password"]);
      onDone();
    },
  });
  card(place, { title: "Set a new password", organisation, form,
    message: "Your account needs a password of your own before its first use." });
}

function card(place, { title, organisation, message, form }) {
  setChildren(place, [
    h("section", { class: "sign-in card", "aria-labelledby": "sign-in-title" },
      h("h1", { id: "sign-in-title" }, title),
      organisation ? h("p", { class: "quiet" }, `to ${organisation}`) : null,
      message ? h("p", { class: "notice", "data-tone": "news" }, message) : null,
      form),
  ]);
  place.querySelector("input").focus();
}

function passwordForm({ fields, action, submit }) {
  const error = h("p", { class: "form-error", role: "alert", id: "form-error" });
  const button = h("button", { class: "button primary wide" }, action);
  const inputs = fields.map(({ id, type, autocomplete }) =>
    h("input", { id, type, autocomplete, name: id, required: true, "aria-describedby": "form-error" }));
  const form = h("form", { class: "stack" },
    fields.map(({ id, label }, i) => h("div", { class: "field" }, h("label", { for: id }, label), inputs[i])),
    error, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.textContent = "";
    button.disabled = true;
    try {
      await submit(Object.fromEntries(inputs.map((input) => [input.id, input.value])));
    } catch (trouble) {
      error.textContent = trouble.message;
      button.disabled = false;
      inputs.at(-1).focus();
    }
  });
  return form;
}
