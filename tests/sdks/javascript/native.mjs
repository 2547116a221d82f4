// What clerk-js is asked in the tests, in the build for apps that are no browser: native.mjs ACT, with the parameters in GIVEN; prints
// what it answered as JSON. ``given.sdk`` is the folder that dev.py browser_sdk makes.

import { createRequire } from "node:module"

const [act] = process.argv.slice(2)
const given = JSON.parse(process.env.GIVEN)

// As in a kit for apps; without it the SDK takes itself to be offline.
globalThis.window = globalThis
Object.defineProperty(globalThis, "navigator", { value: { product: "ReactNative", onLine: true } })

const { Clerk } = createRequire(import.meta.url)(`${given.sdk}/clerk.native.js`)

// As the vendor's kits for apps do it: the client's token is kept, and travels in a header both ways.
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

// An app that kept a dead token, and forgets its client once more.
async function again() {
  const clerk = await app()
  const result = { before: clerk.session ?? null, first: await signIn(clerk, given.tickets[0]) }
  await clerk.client.destroy()
  result.second = await signIn(clerk, given.tickets[1])
  result["kept another"] = kept !== given.kept
  // An answer with a newer token that never came.
  kept = given.kept
  result["token of the lost"] = await clerk.session.getToken({ skipCache: true }).catch((error) => error.errors[0].code)
  result.after = clerk.session ?? null
  return { ...result, asked }
}

try {
  console.log(JSON.stringify(await { again, story }[act]()))
  process.exit() // its timers would go on
} catch (error) {
  // Node would print the line of the SDK that threw: all of it.
  console.error(error.stack, error.errors)
  process.exit(1)
}
