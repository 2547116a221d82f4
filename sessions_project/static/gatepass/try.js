// "Try it in this browser": each button makes one call of the vendor's SDK, and the page shows the state of the SDK.

// A ticket is a credential, so remove it from the address bar first.
const query = new URLSearchParams(location.search)
const ticket = query.get("__clerk_ticket")
if (ticket !== null) history.replaceState(null, "", location.pathname)

const by = (id) => document.getElementById(id)
const say = (text, { refused = false } = {}) => {
  by("said").textContent = text
  by("said").classList.toggle("refused", refused)
}

const nameOf = (user) => user.fullName || user.username || user.id
const timeOf = (date) => date.toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" })
const claimsOf = (token) => {
  const bytes = Uint8Array.from(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0))
  return JSON.parse(new TextDecoder().decode(bytes))
}
const pretty = (claims) => JSON.stringify(claims, null, 2)

// Make a call of the SDK, report the result, and update the page.
async function attempt(done, call) {
  say("One moment.")
  by("running").setAttribute("aria-busy", "true")
  const refusal = await call().then(() => null, (error) => error.errors?.[0]?.longMessage ?? error.message)
  await show()
  say(refusal ?? done, { refused: refusal !== null })
  by("running").removeAttribute("aria-busy")
  if (document.activeElement === document.body) by("said").focus() // the pressed button may have been removed
}

// Accounts

function button(text, label, call) {
  const made = document.createElement("button")
  made.type = "button"
  made.textContent = text
  made.setAttribute("aria-label", label)
  made.onclick = call
  return made
}

function account(session) {
  const row = document.createElement("li")
  const name = nameOf(session.user)
  const isInUse = session.id === Clerk.session?.id
  if (isInUse) row.setAttribute("aria-current", "true")
  const who = document.createElement("span")
  who.className = "who"
  who.textContent = isInUse ? `${name}, in use` : session.status === "active" ? name : `${name}, ${session.status}`
  row.append(who)
  if (session.status === "active") {
    if (!isInUse) {
      const use = () => attempt(`${name} is in use.`, () => Clerk.setActive({ session: session.id }))
      row.append(button("Use", `Use the session of ${name}`, use))
    }
    const end = () => attempt(`The session of ${name} has ended.`, () => session.end())
    row.append(button("End", `End the session of ${name}`, end))
  }
  const remove = () => attempt(`The session of ${name} has left this browser.`, () => session.remove())
  row.append(button("Remove", `Remove the session of ${name}`, remove))
  return row
}

let listed = ""

async function show() {
  const { client, session } = Clerk
  const listing = JSON.stringify([session?.id, client.sessions.map(({ id, status }) => [id, status])])
  if (listing !== listed) by("accounts").replaceChildren(...client.sessions.map(account)) // otherwise keep the focus
  listed = listing
  by("signed-in").hidden = client.sessions.length === 0
  by("in-use").hidden = !session
  const isLive = client.sessions.some(({ status }) => status === "active")
  by("sign-in-title").textContent = isLive ? "Add another account" : "Sign in"
  by("sign-out").hidden = !isLive
  if (!session) return
  by("session-id").textContent = session.id
  by("session-status").textContent = session.status
  by("session-used").textContent = timeOf(session.lastActiveAt)
  by("session-ends").textContent = timeOf(session.expireAt)
  await showToken()
}

// Tokens

async function showToken() {
  const token = await Clerk.session?.getToken().catch(() => null) // the SDK caches it until shortly before it expires
  if (!token) return
  const claims = claimsOf(token)
  const seconds = Math.max(0, Math.ceil(claims.exp - Date.now() / 1000))
  by("countdown").textContent = seconds === 1 ? "1 second" : `${seconds} seconds`
  const shown = pretty(claims)
  if (by("claims").textContent !== shown) by("claims").textContent = shown
}

async function showTemplateToken() {
  const token = await Clerk.session.getToken({ template: by("template").value, skipCache: true })
  by("template-claims").textContent = pretty(claimsOf(token))
  by("template-claims").hidden = false
}

// Signing in

async function signIn(how) {
  const { createdSessionId } = await Clerk.client.signIn.create(how)
  await Clerk.setActive({ session: createdSessionId })
}

function listen() {
  by("sign-in").onsubmit = (event) => {
    event.preventDefault()
    const [identifier, password] = [by("username").value, by("password").value]
    by("password").value = ""
    attempt("You are signed in.", async () => {
      await signIn({ strategy: "password", identifier, password })
      by("username").value = ""
    })
  }
  by("touch").onclick = () => attempt("The session was touched.", () => Clerk.session.touch())
  by("fresh-token").onclick = () =>
    attempt("Here is a new token.", () => Clerk.session.getToken({ skipCache: true }))
  by("sign-out").onclick = () => attempt("All accounts are signed out.", () => Clerk.signOut(() => {}))
  by("template-form")?.addEventListener("submit", (event) => {
    event.preventDefault()
    attempt("Here is a token from the template.", showTemplateToken)
  })
}

async function start() {
  try {
    await Clerk.load({ telemetry: false }) // do not report to the vendor
  } catch (error) {
    say(`The SDK did not start: ${error.message}`, { refused: true })
    return
  }
  listen()
  by("running").hidden = false
  Clerk.addListener(() => show()) // also for changes in other tabs
  setInterval(showToken, 1000)
  if (ticket === null) say(Clerk.session ? `${nameOf(Clerk.user)} is signed in.` : "Nobody is signed in.")
  else await attempt("The ticket has signed you in.", () => signIn({ strategy: "ticket", ticket }))
}

// The SDK is a separate script that has run by then, if it was fetched.
addEventListener("DOMContentLoaded", () => {
  if (window.Clerk) start()
  else if (by("said")) say("The SDK did not start in this browser.", { refused: true })
})
