#!/usr/bin/env python3
# ruff: noqa  -- the judge, kept as it was handed over, so that its figures compare with anybody's
"""Grade a diagnosis tool on a directory of labelled cases.

  adapt may also return "alternatives" (other causes the tool lists), "confidence" ("proven", "likely", "possible"), "class" (hello,
  server_certificate, client_certificate, not_tls, transport: counts where the cause is no label of the lab), "frames" (all frames
  cited as evidence) and "owner" (client, server or network: who must fix it).

  grade.py DIR --cmd "tool diagnose {pcap} --json" [--adapter adapter.py] [--logs] [--jobs 2] [--json out.json] [--limit N]

Placeholders in --cmd: {pcap} {dir} {client_log} {server_log} {keylog} (an empty string when the case has no key log).
The adapter is a python file with   def adapt(doc, label) -> {"cause":..., "sub_cause":..., "failing_side":...}
where doc is the tool's JSON (or its text, if that is not JSON).  It must not read the label's answer: it gets only
server_port, client_ip, server_ip and capture of it, so that it can pick the right connection of a capture with two.
Names of causes are mapped by the adapter, or with --map map.json {tool's name: [cause of the lab, sub_cause or null]}.
"""
import argparse
import collections
import concurrent.futures as cf
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time

# causes that a capture alone (no key log, no logs) cannot tell apart: counted separately as "family" hits
FAMILY = {}
for fam in (("unknown_ca", "incomplete_chain", "self_signed", "wrong_intermediate", "invalid_ca"),
            ("client_certificate_unknown_ca", "client_certificate_incomplete_chain"),
            ("cipher_mismatch", "group_mismatch", "signature_algorithm_mismatch"),
            ("sni_required", "sni_unrecognized_name"), ("sni_default_certificate", "hostname_mismatch"),
            ("handshake_timeout", "client_hello_dropped"), ("server_closes_after_client_hello", "tcp_reset_during_handshake"),
            ("weak_certificate_key", "weak_certificate_digest")):
    for c in fam: FAMILY[c] = fam[0]


# what kind of thing went wrong: the least that a verdict must get right
CLASS = {}
for name, causes in {
    "hello": "protocol_mismatch cipher_mismatch group_mismatch signature_algorithm_mismatch alpn_mismatch hello_retry_request_failure "
             "dh_key_too_small unsafe_legacy_renegotiation extended_master_secret_required sni_required sni_unrecognized_name",
    "server_certificate": "hostname_mismatch incomplete_chain wrong_intermediate self_signed unknown_ca certificate_expired certificate_not_yet_valid "
                          "bad_certificate_signature weak_certificate_digest weak_certificate_key wrong_eku name_constraints_violation invalid_ca "
                          "certificate_revoked sni_default_certificate",
    "client_certificate": "client_certificate_missing client_certificate_expired client_certificate_unknown_ca client_certificate_incomplete_chain "
              "client_certificate_wrong_eku client_certificate_not_yet_valid client_certificate_revoked",
    "not_tls": "tls_to_plaintext_port plaintext_http_to_tls_port",
    "transport": "tcp_refused tcp_reset_during_handshake server_closes_after_client_hello handshake_timeout client_hello_dropped",
}.items():
    for c in causes.split(): CLASS[c] = name


def dark(label, keylogs_given):
    """The certificate in question was never visible to the tool: TLS 1.3, and no key log beside the capture or none handed over."""
    return (label["tls_version_if_reached"] == "tls13" and CLASS.get(label["cause"]) in ("server_certificate", "client_certificate")
            and not (keylogs_given and label["capture"]["keylog"]))


def default_adapt(doc, label):
    d = doc[0] if isinstance(doc, list) and doc else doc
    if isinstance(d, dict):
        for k in ("diagnosis", "result", "verdict"):
            if isinstance(d.get(k), dict): d = d[k]
        return {k: d.get(k) for k in ("cause", "sub_cause", "failing_side")}
    return {"cause": None, "sub_cause": None, "failing_side": None}


def main():
    ap = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    ap.add_argument("dir"); ap.add_argument("--cmd", required=True); ap.add_argument("--adapter"); ap.add_argument("--map")
    ap.add_argument("--jobs", type=int, default=2); ap.add_argument("--timeout", type=float, default=60); ap.add_argument("--json"); ap.add_argument("--limit", type=int)
    ap.add_argument("--causes"); ap.add_argument("--stacks")
    a = ap.parse_args()
    adapt = default_adapt
    if a.adapter:
        sp = importlib.util.spec_from_file_location("adapter", a.adapter)
        m = importlib.util.module_from_spec(sp); sp.loader.exec_module(m); adapt = m.adapt
    names = json.load(open(a.map)) if a.map else {}
    labels = []
    for r, _, fs in sorted(os.walk(a.dir)):
        if "label.json" in fs:
            l = json.load(open(f"{r}/label.json")); l["_dir"] = r
            if a.causes and l["cause"] not in a.causes.split(","): continue
            if a.stacks and not {l["client_stack"], l["server_stack"]} & set(a.stacks.split(",")): continue
            labels.append(l)
    labels.sort(key=lambda l: l["id"])
    if a.limit: labels = labels[::max(1, len(labels) // a.limit)]

    def one(l):
        d = l["_dir"]
        kl = f"{d}/keys.log"
        cmd = [x.format(pcap=f"{d}/capture.pcap", dir=d, client_log=f"{d}/client.log", server_log=f"{d}/server.log", keylog=kl if os.path.exists(kl) else "")
               for x in shlex.split(a.cmd)]
        cmd = [x for x in cmd if x != ""]
        t = time.time()
        try:
            r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=a.timeout)
            txt, err, rc = r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace"), r.returncode
        except subprocess.TimeoutExpired:
            txt, err, rc = "", "timeout", -1
        except OSError as e:
            sys.exit(f"cannot run {cmd[0]}: {e}")
        try: doc = json.loads(txt)
        except ValueError: doc = txt
        seen = {k: l[k] for k in ("server_port", "client_ip", "server_ip", "client_port", "capture")}
        try: g = adapt(doc, seen) or {}
        except Exception as e: g, err = {}, f"adapter: {e}"
        c = g.get("cause")
        if c in names: c, g["sub_cause"] = names[c][0], names[c][1] or g.get("sub_cause")
        alternatives = [names[x][0] if x in names else x for x in g.get("alternatives") or []]
        return l, dict(cause=c or "none", sub_cause=g.get("sub_cause"), failing_side=g.get("failing_side"),
                       alternatives=alternatives, confidence=g.get("confidence"),
                       cause_class=g.get("class"), frames=g.get("frames"), owner=g.get("owner")), rc, err[-200:], time.time() - t

    with cf.ThreadPoolExecutor(a.jobs) as ex:
        res = list(ex.map(one, labels))
    fail = [x for x in res if x[0]["cause"] != "success"]
    succ = [x for x in res if x[0]["cause"] == "success"]
    hit = lambda x: x[1]["cause"] == x[0]["cause"]
    fam = lambda x: FAMILY.get(x[1]["cause"], x[1]["cause"]) == FAMILY.get(x[0]["cause"], x[0]["cause"])
    pct = lambda n, d: f"{n}/{d} = {100 * n / d:.1f}%" if d else "0/0"
    nosucc = lambda x: x[1]["cause"] not in ("success", "none", "ok", "no_failure")
    print(f"cases {len(res)}  failures {len(fail)}  success controls {len(succ)}  tool errors {sum(1 for x in res if x[2] not in (0, 1))}")
    print(f"cause accuracy (failures)     {pct(sum(map(hit, fail)), len(fail))}   counting the confusable family as right {pct(sum(map(fam, fail)), len(fail))}")
    among = lambda x: hit(x) or x[0]["cause"] in x[1]["alternatives"]
    klass = lambda x: (CLASS.get(x[1]["cause"]) or x[1]["cause_class"] or x[1]["cause"]) == CLASS.get(x[0]["cause"], x[0]["cause"])
    side = lambda x: x[1]["failing_side"] == x[0]["failing_side"]
    for title, rows in (("in the clear", [x for x in fail if not dark(x[0], "{keylog}" in a.cmd)]), ("TLS 1.3 in the dark", [x for x in fail if dark(x[0], "{keylog}" in a.cmd)]), ("all failures", fail)):
        print(f"{title:20} cause first {pct(sum(map(hit, rows)), len(rows)):18} among alternatives {pct(sum(map(among, rows)), len(rows)):18}"
              f" class {pct(sum(map(klass, rows)), len(rows)):18} side {pct(sum(map(side, rows)), len(rows))}")
    proven = [x for x in res if x[1]["confidence"] == "proven"]
    clear = [x for x in fail if not dark(x[0], "{keylog}" in a.cmd)]
    print(f"proven and right              {pct(sum(1 for x in proven if hit(x)), len(proven))}")
    print(f"proven, of those in the clear {pct(sum(1 for x in clear if x[1]['confidence'] == 'proven'), len(clear))}")
    seen_alert = [(x, next((al["frame"] for al in x[0]["expected_evidence"]["alerts"] if al["level"] == "fatal" and not al["encrypted"]), None)) for x in fail
                  if not x[0]["capture"]["starts_mid_handshake"] and x[1]["frames"] is not None]
    seen_alert = [(x, f) for x, f in seen_alert if f]
    print(f"fatal alert's frame is cited  {pct(sum(1 for x, f in seen_alert if f in x[1]['frames']), len(seen_alert))}")
    owned = [x for x in fail if x[1]["owner"] is not None]
    print(f"owner right                   {pct(sum(1 for x in owned if x[0]['who_must_fix'] in ('either', x[1]['owner'])), len(owned))}")
    print(f"sub-cause accuracy            {pct(sum(1 for x in fail if hit(x) and x[1]['sub_cause'] == x[0]['sub_cause']), len(fail))}")
    print(f"failing side accuracy         {pct(sum(1 for x in fail if x[1]['failing_side'] == x[0]['failing_side']), len(fail))}")
    print(f"no answer on failures         {pct(sum(1 for x in fail if x[1]['cause'] == 'none'), len(fail))}")
    print(f"false positives on successes  {pct(sum(map(nosucc, succ)), len(succ))}")
    print(f"missed failures (called ok)   {pct(sum(1 for x in fail if x[1]['cause'] in ('success', 'ok', 'no_failure')), len(fail))}")
    print(f"median seconds per case       {sorted(x[4] for x in res)[len(res) // 2]:.2f}" if res else "")

    def table(title, key, rows):
        n, h = collections.Counter(), collections.Counter()
        for x in rows:
            for k in key(x[0]): n[k] += 1; h[k] += hit(x) if x[0]["cause"] != "success" else not nosucc(x)
        print(f"\n{title}")
        for k in sorted(n): print(f"  {k:44} {pct(h[k], n[k])}")
    table("per cause", lambda l: [l["cause"]], res)
    table("per sub-cause", lambda l: [f"{l['cause']}/{l['sub_cause']}"], res)
    table("per client stack", lambda l: [l["client_stack"]], res)
    table("per server stack", lambda l: [l["server_stack"]], res)
    table("per version / key log", lambda l: [f"{l['tls_version_if_reached']} keylog={l['capture']['keylog']}"], res)
    table("per capture", lambda l: [l["capture"]["linktype"], "ipv6" if l["capture"]["ipv6"] else "ipv4"] + (["snaplen 96"] if l["capture"]["snaplen"] == 96 else [])
          + (["mid-handshake start"] if l["capture"]["starts_mid_handshake"] else []) + (["two handshakes"] if l["capture"]["unrelated_handshake_port"] else []), res)
    print("\nconfusion (truth -> said: n), wrong answers only")
    conf = collections.Counter((x[0]["cause"], x[1]["cause"]) for x in res if (x[0]["cause"] != "success" and not hit(x)) or (x[0]["cause"] == "success" and nosucc(x)))
    for (t, s), n in sorted(conf.items(), key=lambda z: (z[0][0], -z[1])): print(f"  {t:40} -> {s:40} {n}")
    if a.json:
        json.dump([dict(id=x[0]["id"], truth={k: x[0][k] for k in ("cause", "sub_cause", "failing_side")}, said=x[1], rc=x[2], err=x[3]) for x in res], open(a.json, "w"), indent=0)


if __name__ == "__main__":
    main()
