// Runs the clerk-js build for native apps in a test: native.mjs ACT reads its parameters from GIVEN and prints the results
// as JSON. ``given.sdk`` is the folder that dev.py browser_sdk makes.

import { createRequire } from "node:module"

const [act] = process.argv.slice(2)
const given = JSON.parse(process.env.GIVEN)

// As in the SDKs for apps: without it clerk-js assumes that it is offline.
globalThis.window = globalThis
Object.defineProperty(globalThis, "navigator", { value: { product: "ReactNative", onLine: true } })

const { Clerk } = createRequire(import.meta.url)(`${given.sdk}/clerk.native.js`)

// As in Clerk's SDKs for apps: the app stores the client's token and sends and receives it in a header.
let kept = given.kept ?? ""
let asked = 0

async function app() {
  const clerk = new Clerk(given.publishable_key, { proxyUrl: given.endpoint })
  clerk.__internal_onBeforeRequest(async (request) => {
    asked += 1
    request.credentials = "omit"
    request.url.searchParams.append("_is_native", "1")
    request.headers.set("authorization", kept)
  })
  clerk.__internal_onAfterResponse(async (_, response) => {
    kept = response.headers.get("authorization") || kept
  })
  await clerk.load({ standardBrowser: false })
  return clerk
}

async function signIn(clerk, ticket) {
  const { status, createdSessionId } = await clerk.client.signIn.create({ strategy: "ticket", ticket })
  await clerk.setActive({ session: createdSessionId })
  return { status, session: createdSessionId, user: clerk.user.id }
}

async function story() {
  const clerk = await app()
  const result = { before: clerk.session ?? null }
  result.first = await signIn(clerk, given.tickets[0])
  result.token = await clerk.session.getToken()
  result["template token"] = await clerk.session.getToken({ template: given.template })
  result.second = await signIn(clerk, given.tickets[1])
  result.accounts = clerk.client.signedInSessions.map(({ id }) => id)
  await clerk.setActive({ session: result.first.session })
  result["in use"] = clerk.session.id
  const sessions = await clerk.user.getSessions()
  result.sessions = Object.fromEntries(sessions.map(({ id, latestActivity }) => [id, latestActivity.ipAddress ?? null]))
  const revoked = await sessions.find(({ id }) => id === given.elsewhere).revoke()
  result.revoked = { id: revoked.id, status: revoked.status }
  await clerk.signOut()
  result.after = { accounts: clerk.client.sessions.length, session: clerk.session ?? null }
  return result
}

// An app with an invalid token, which then deletes its client.
async function again() {
  const clerk = await app()
  const result = { before: clerk.session ?? null, first: await signIn(clerk, given.tickets[0]) }
  await clerk.client.destroy()
  result.second = await signIn(clerk, given.tickets[1])
  result["kept another"] = kept !== given.kept
  // Simulate a lost response with a newer token.
  kept = given.kept
  result["token of the lost"] = await clerk.session.getToken({ skipCache: true }).catch((error) => error.errors[0].code)
  result.after = clerk.session ?? null
  return { ...result, asked }
}

try {
  console.log(JSON.stringify(await { again, story }[act]()))
  process.exit() // the SDK's timers would keep the process running
} catch (error) {
  // Node would print the failing line of the SDK, which is the whole minified file.
  console.error(error.stack, error.errors)
  process.exit(1)
}
