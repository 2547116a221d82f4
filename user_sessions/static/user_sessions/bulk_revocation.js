// Goes on with a bulk revocation. Without this script the operator clicks "Continue".
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-gatepass-goes-on]");
  if (form) {
    setTimeout(() => form.requestSubmit(), 300);
  }
});
