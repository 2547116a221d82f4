// The browser does not send the part after the # to the server, so the token is sent only as a credential.
const token = location.hash.slice(1) || sessionStorage.getItem("token") || ""
sessionStorage.setItem("token", token)
history.replaceState(null, "", location.pathname)

const locks = document.querySelector("#locks")
const message = document.querySelector("#message")

async function ask(path, method = "GET") {
  const answer = await fetch(`/api/${path}`, { method, headers: { Authorization: `Bearer ${token}` } })
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.detail)
  return body
}

function row(lock) {
  const item = document.createElement("li")
  const state = document.createElement("span")
  state.textContent = `${lock.name}: ${lock.is_locked ? "locked" : "unlocked"} `
  item.append(state)
  if (lock.is_locked) {
    const button = document.createElement("button")
    button.textContent = "Unlock"
    button.setAttribute("aria-label", `Unlock ${lock.name}`)
    button.onclick = () => show(() => ask(`locks/${lock.id}/unlock`, "POST"))
    item.append(button)
  }
  return item
}

async function show(first = async () => {}) {
  try {
    await first()
    locks.replaceChildren(...(await ask("locks")).map(row))
    message.textContent = ""
  } catch (error) {
    locks.replaceChildren()
    message.textContent = error.message
  }
  document.body.dataset.shown = Number(document.body.dataset.shown ?? 0) + 1
}

document.querySelector("#refresh").onclick = () => show()
await show()
