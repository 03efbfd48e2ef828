/*
 * Everything that a page can do to another server, each under a name that stands in its address. Returns by name what
 * the page got to see. `read` and `write` are addresses to which a name is added; `asked` is a body that asks for the
 * secret, `told` one that writes.
 */
async ({ read, write, asked, told, own, patience }) => {
    const seen = {};
    const text = response => response.text();
    const later = ms => new Promise(done => setTimeout(done, ms));
    const within = promise => Promise.race([promise, later(patience).then(() => "nothing came")]);
    const added = (tag, fields) => document.body.appendChild(Object.assign(document.createElement(tag), fields));
    const loaded = element => within(new Promise(done => {
        element.onload = element.onerror = element.onloadeddata = () => done("ended");
    }));
    const inside = frame => {
        try {
            return frame.contentDocument?.documentElement?.outerHTML ?? "closed";
        } catch (error) {
            return String(error);
        }
    };
    const element = (tag, where, more = {}) => name => {
        const made = added(tag, { ...more, [where]: read + name });
        return loaded(made).then(() => `${inside(made)} ${made.naturalWidth ?? ""} ${made.sheet ?? ""}`);
    };
    const linked = (rel, as) => name => {
        const link = Object.assign(document.createElement("link"), { rel, href: read + name, ...(as && { as }) });
        document.head.append(link);
        return loaded(link).then(() => {
            try {
                return [...(link.sheet?.cssRules ?? [])].map(rule => rule.cssText).join();
            } catch (error) {
                return String(error);
            }
        });
    };
    const xhr = (method, body) => name => within(new Promise(done => {
        const request = new XMLHttpRequest();
        request.onloadend = () => done(`${request.status} ${request.responseText}`);
        request.open(method, (body === told ? write : read) + name);
        request.send(body);
    }));
    const form = (method, enctype, target) => async name => {
        const frame = added("iframe", { name: `frame ${name}` });
        const made = added("form", { method, enctype, action: write + name, target: target ?? frame.name });
        const fields = method === "GET" ? [...new URL(write + name).searchParams] : [[told, "1"]];
        made.append(...fields.map(([name, value]) => Object.assign(document.createElement("input"), { name, value })));
        const done = loaded(frame);
        made.submit();
        await done;
        return inside(frame);
    };
    const redirected = (status, how) => name =>
        fetch(`${own}/attack-on/${status}?${encodeURIComponent(write + name)}`, how).then(text);
    const framed = source => async name => {
        const heard = new Promise(done => addEventListener("message", event => event.data[0] === name && done(event.data[1])));
        added("iframe", { sandbox: "allow-scripts", srcdoc: `<script>${source(name)}</script>` });
        return within(heard);
    };
    const worker = body => async name => {
        const source = `onmessage = async ({ data }) => { try { postMessage(await (${body})(data)) } catch (e) { postMessage(String(e)) } }`;
        const made = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
        const heard = new Promise(done => { made.onmessage = event => done(event.data); });
        made.postMessage(read + name);
        return within(heard);
    };
    const headers = { "X-ClickHouse-Format": "JSON", "X-ClickHouse-Database": "default" };
    const json = { "Content-Type": "application/json" };
    const attempts = {
        "fetch": name => fetch(read + name).then(text),
        "fetch-no-cors": name => fetch(read + name, { mode: "no-cors" }).then(text),
        "fetch-cookies": name => fetch(read + name, { credentials: "include" }).then(text),
        "fetch-headers": name => fetch(read + name, { headers }).then(text),
        "fetch-post": name => fetch(read + name, { method: "POST", body: asked }).then(text),
        "fetch-json": name => fetch(read + name, { method: "POST", headers: json, body: asked }).then(text),
        "fetch-keepalive": name => fetch(write + name, { method: "POST", keepalive: true, body: told }).then(text),
        "fetch-write": name => fetch(write + name, { method: "POST", mode: "no-cors", body: told }).then(text),
        "fetch-put": name => fetch(write + name, { method: "PUT", body: told }).then(text),
        "fetch-get-write": name => fetch(write + name, { mode: "no-cors" }).then(text),
        "fetch-silent": name => fetch(read + name, { referrerPolicy: "no-referrer", mode: "no-cors" }).then(text),
        "xhr": xhr("GET"),
        "xhr-post": xhr("POST", asked),
        "xhr-write": xhr("POST", told),
        "beacon": name => navigator.sendBeacon(write + name, told),
        "beacon-blob": name => navigator.sendBeacon(write + name, new Blob([told], { type: "text/plain" })),
        "beacon-form": name => {
            const fields = new FormData();
            fields.append("told", told);
            return navigator.sendBeacon(write + name, fields);
        },
        "form-get": form("GET", "application/x-www-form-urlencoded"),
        "form-plain": form("POST", "text/plain"),
        "form-urlencoded": form("POST", "application/x-www-form-urlencoded"),
        "form-multipart": form("POST", "multipart/form-data"),
        "form-popup": form("POST", "text/plain", "_blank"),
        "image": element("img", "src"),
        "script": element("script", "src"),
        "module": name => import(read + name).then(JSON.stringify),
        "style": linked("stylesheet"),
        "preload": linked("preload", "fetch"),
        "prefetch": linked("prefetch"),
        "iframe": element("iframe", "src"),
        "object": element("object", "data"),
        "embed": element("embed", "src"),
        "video": element("video", "src"),
        "audio": element("audio", "src"),
        "font": name => new FontFace("stolen", `url("${read + name}")`).load().then(String),
        "events": name => within(new Promise(done => {
            const source = new EventSource(read + name);
            source.onmessage = event => done(event.data);
            source.onerror = () => (source.close(), done("ended"));
        })),
        "websocket": name => within(new Promise(done => {
            const socket = new WebSocket(read.replace("http:", "ws:") + name);
            socket.onmessage = event => done(event.data);
            socket.onerror = () => done("ended");
        })),
        "ping": async name => added("a", { ping: write + name, href: "#here" }).click(),
        "worker": worker("url => fetch(url).then(answer => answer.text())"),
        "worker-script": worker("async url => importScripts(url)"),
        "sandbox": framed(name => `fetch(${JSON.stringify(read + name)}).then(a => a.text()).catch(String)
            .then(text => parent.postMessage([${JSON.stringify(name)}, text], "*"))`),
        "sandbox-write": framed(name => `fetch(${JSON.stringify(write + name)}, { method: "POST", mode: "no-cors",
            body: ${JSON.stringify(told)} }).then(a => a.text()).catch(String)
            .then(text => parent.postMessage([${JSON.stringify(name)}, text], "*"))`),
        "redirect-302": redirected(302, { mode: "no-cors" }),
        "redirect-307": redirected(307, { mode: "no-cors", method: "POST", body: told }),
        "service-worker": async name => {
            await navigator.serviceWorker.register(`${own}/attack-worker.js`, { scope: "/attack" });
            const { active } = await navigator.serviceWorker.ready;
            const heard = new Promise(done => { navigator.serviceWorker.onmessage = event => done(event.data); });
            active.postMessage(read + name);
            return within(heard);
        },
        "window": async name => {
            const opened = open(read + name);
            await later(patience / 2);
            try {
                return opened.document.documentElement.outerHTML;
            } catch (error) {
                return String(error);
            }
        },
    };
    await Promise.all(Object.entries(attempts).map(async ([name, attempt]) => {
        try {
            seen[name] = String(await within(attempt(name)));
        } catch (error) {
            seen[name] = String(error);
        }
    }));
    return seen;
}
