// Runs a JavaScript SDK in a test: story.mjs ALIAS ACT reads its parameters from GIVEN and prints the results as JSON.

import { readFileSync } from "node:fs"

const [alias, act] = process.argv.slice(2)
const { SeamHttp, SeamHttpApiError, SeamHttpInvalidInputError, SeamHttpWithoutWorkspace } = await import(alias)
const given = JSON.parse(process.env.GIVEN)
const { endpoint } = given
const backend = SeamHttp.fromApiKey(given.api_key, { endpoint })

const FACTS = [
  "client_session_id",
  "token",
  "user_identifier_key",
  "connected_account_ids",
  "connect_webview_ids",
  "user_identity_ids",
  "device_count",
]

const facts = (session) => Object.fromEntries(FACTS.map((name) => [name, session[name]]))
const ids = (sessions) => sessions.map((session) => session.client_session_id)
const names = (resources) => resources.map((resource) => resource.display_name)

async function refusal(call) {
  try {
    await call()
  } catch (error) {
    const result = { class: error.constructor.name }
    if (error instanceof SeamHttpApiError) {
      Object.assign(result, { code: error.code, status: error.statusCode, request_id: error.requestId })
    }
    if (error instanceof SeamHttpInvalidInputError) {
      const names = ["connected_account_ids", "expires_at"]
      result.messages = Object.fromEntries(names.map((name) => [name, error.getValidationErrorMessages(name)]))
    }
    return result
  }
  throw new Error("not refused")
}

async function story(seam) {
  const sessions = seam.clientSessions
  const result = {}

  const created = await sessions.create({ user_identifier_key: "jane_doe", connected_account_ids: [given.a1] })
  const id = created.client_session_id
  result["created"] = facts(created)
  result["got by id"] = facts(await sessions.get({ client_session_id: id }))
  result["got by key"] = facts(await sessions.get({ user_identifier_key: "jane_doe" }))

  await sessions.grantAccess({ user_identifier_key: "jane_doe", connected_account_ids: [given.a2] })
  result["granted by key"] = facts(await sessions.get({ client_session_id: id }))
  await sessions.grantAccess({ client_session_id: id, connect_webview_ids: [given.webview] })
  result["granted by id"] = facts(await sessions.get({ client_session_id: id }))
  result["got or created, there"] = facts(
    await sessions.getOrCreate({ user_identifier_key: "jane_doe", connected_account_ids: [given.a2] }),
  )
  result["got or created, new"] = facts(await sessions.getOrCreate({ user_identifier_key: "john_doe" }))

  const nobody = await sessions.create()
  result["listed"] = (await sessions.list()).map(facts)
  result["listed by key"] = ids(await sessions.list({ user_identifier_key: "jane_doe" }))
  result["listed without key"] = ids(await sessions.list({ without_user_identifier_key: true }))

  result["devices"] = names(await seam.devices.list())
  result["devices of the session"] = names(await seam.devices.list({ user_identifier_key: "jane_doe" }))
  result["device"] = names([await seam.devices.get({ device_id: given.d3 })])
  result["accounts"] = names(await seam.connectedAccounts.list())
  result["account"] = names([await seam.connectedAccounts.get({ connected_account_id: given.a1 })])
  const workspace = await seam.workspaces.get()
  result["workspace"] = [workspace.name, workspace.is_sandbox]
  result["pages"] = names(await seam.createPaginator(seam.devices.list({ limit: 2 })).flattenToArray())

  await sessions.revoke({ client_session_id: id })
  result["listed after revoke"] = ids(await sessions.list())
  result["got after revoke"] = facts(await sessions.get({ client_session_id: id }))
  result["got or created after revoke"] = facts(await sessions.getOrCreate({ user_identifier_key: "jane_doe" }))
  await sessions.delete({ client_session_id: nobody.client_session_id })
  result["in the end"] = (await sessions.list()).map(facts)
  return result
}

async function errors(seam) {
  const client = (apiKey) => SeamHttp.fromApiKey(apiKey, { endpoint })
  const sessions = seam.clientSessions
  const { token } = await sessions.create()
  return {
    "unknown api key": await refusal(() => client("seam_invalid_api_key").devices.list()),
    "missing device": await refusal(() => seam.devices.get({ device_id: "unknown-device" })),
    "missing account": await refusal(() => seam.connectedAccounts.get({ connected_account_id: given.ax })),
    "missing session": await refusal(() => sessions.get({ user_identifier_key: "nobody" })),
    "foreign account": await refusal(() => sessions.create({ connected_account_ids: [given.ax] })),
    "no such route": await refusal(() => seam.noiseSensors.list()),
    "invalid input": await refusal(() => sessions.create({ connected_account_ids: 4242, expires_at: "soon" })),
    "session token as api key": await refusal(() => client(token)),
    "publishable key as api key": await refusal(() => client(given.publishable_key)),
    "any token as api key": await refusal(() => client("anything")),
  }
}

async function takenKey(seam) {
  const first = await seam.clientSessions.create({ user_identifier_key: "jane_doe" })
  const again = { user_identifier_key: "jane_doe", connected_account_ids: [given.a1] }
  const second = await seam.clientSessions.create(again)
  return JSON.stringify(facts(second)) === JSON.stringify(facts(first)) ? "unchanged" : "changed"
}

async function resources(seam) {
  const result = {}
  const made = await seam.connectWebviews.create({ custom_metadata: { order: 7 } })
  result.webview = [made.status, made.custom_metadata]
  result.webviews = (await seam.connectWebviews.list()).length
  result["webview again"] = (await seam.connectWebviews.get({ connect_webview_id: made.connect_webview_id })).status

  const identities = seam.userIdentities
  const jane = await identities.create({ user_identity_key: "jane", full_name: "Jane Doe" })
  const both = { user_identity_id: jane.user_identity_id, device_id: given.d1 }
  result.identities = names(await identities.list())
  await identities.grantAccessToDevice(both)
  result.accessible = names(await identities.listAccessibleDevices({ user_identity_id: jane.user_identity_id }))
  await identities.revokeAccessToDevice(both)
  result["no longer"] = names(await identities.listAccessibleDevices({ user_identity_id: jane.user_identity_id }))

  await seam.connectedAccounts.delete({ connected_account_id: given.a1 })
  result.left = names(await seam.devices.list())
  return result
}

async function person() {
  const { access_token: token, workspace: id } = given
  const seam = SeamHttp.fromPersonalAccessToken(token, id, { endpoint })
  const everywhere = SeamHttpWithoutWorkspace.fromPersonalAccessToken(token, { endpoint })
  return {
    devices: names(await seam.devices.list()),
    workspaces: (await everywhere.workspaces.list()).map((workspace) => workspace.name),
  }
}

// Only the JavaScript SDK knows publishable keys and client session tokens.

async function publishableKey() {
  const browser = await SeamHttp.fromPublishableKey(given.publishable_key, "jane_doe", { endpoint })
  return {
    session: (await browser.clientSessions.get()).client_session_id,
    devices: names(await browser.devices.list()),
  }
}

async function publishableKeyErrors() {
  const signIn = (key, user) => refusal(() => SeamHttp.fromPublishableKey(key, user, { endpoint }))
  return {
    "unknown publishable key": await signIn("seam_pk1unknown_key", "jane_doe"),
    "no user": await signIn(given.publishable_key, " "),
    "api key as publishable key": await signIn(given.api_key, "jane_doe"),
  }
}

async function clientSessionToken() {
  const browser = SeamHttp.fromClientSessionToken(given.token, { endpoint })
  const result = {
    session: (await browser.clientSessions.get()).client_session_id,
    devices: names(await browser.devices.list()),
    device: names([await browser.devices.get({ device_id: given.d1 })]),
    accounts: names(await browser.connectedAccounts.list()),
    pages: names(await browser.createPaginator(browser.devices.list({ limit: 1 })).flattenToArray()),
    "another's device": await refusal(() => browser.devices.get({ device_id: given.d3 })),
    "another's account": await refusal(() => browser.connectedAccounts.get({ connected_account_id: given.a2 })),
    "a backend's route": await refusal(() => browser.clientSessions.list()),
    "api key as token": await refusal(() => SeamHttp.fromClientSessionToken(given.api_key, { endpoint })),
  }
  const { session } = result
  await backend.clientSessions.grantAccess({ client_session_id: session, connected_account_ids: [given.a2] })
  result["devices after a grant"] = names(await browser.devices.list())
  await backend.clientSessions.revoke({ client_session_id: session })
  result["after revoke"] = await refusal(() => browser.devices.list())
  return result
}

async function updateClientSessionToken() {
  const browser = SeamHttp.fromClientSessionToken(given.token, { endpoint })
  const before = names(await browser.devices.list())
  await browser.updateClientSessionToken(given.another_token)
  return {
    before,
    after: names(await browser.devices.list()),
    unknown: await refusal(() => browser.updateClientSessionToken("seam_cst1unknown_token")),
    "after unknown": await refusal(() => browser.devices.list()),
    "not a token": await refusal(() => browser.updateClientSessionToken(given.api_key)),
  }
}

function version() {
  return JSON.parse(readFileSync(new URL(`node_modules/${alias}/package.json`, import.meta.url))).version
}

const acts = {
  story,
  errors,
  "taken key": takenKey,
  resources,
  person,
  "publishable key": publishableKey,
  "publishable key errors": publishableKeyErrors,
  "client session token": clientSessionToken,
  "update client session token": updateClientSessionToken,
  version,
}
console.log(JSON.stringify(await acts[act](backend)))
