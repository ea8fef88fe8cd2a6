#!/usr/bin/env bash
# Debian's mosquitto clients and HAProxy against the transports of a broker that this script starts: certificates of clients, pre-shared keys,
# a unix socket, and PROXY protocol of both versions.
#
#   test/clients/debian-transports.sh
#
# Needs mosquitto-clients, openssl and haproxy.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
failed=0
proxy=''
finish() {
  [[ -z $proxy ]] || kill "$proxy" 2> /dev/null || true
  jobs -p | xargs -r kill 2> /dev/null || true
  "$root/bin/robust-server" stop --set "data_path=$work/data" > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

verdict() { # name, expected, received
  if [[ "$2" == "$3" ]]; then
    echo "ok      $1"
  else
    echo "FAILED  $1: expected '$2', received '$3'"
    failed=1
  fi
}

# An authority, and a certificate for the client device-7.
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=clients of this test' \
    -keyout "$work/ca.key" -out "$work/ca.pem"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=device-7' -keyout "$work/client.key" -out "$work/client.csr"
  openssl x509 -req -in "$work/client.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 1 -out "$work/client.pem"
}
authority 2> /dev/null
echo 'meter-1:00112233445566778899aabbccddeeff' > "$work/keys.txt"

cat > "$work/server.toml" << TOML
data_path = "$work/data"
[runtime]
shards = 2
[mqtt.tcp]
port = 0
[mqtt.ws]
enabled = false
[mqtt.tls]
port = 0
[mqtt.wss]
enabled = false
[grpc]
port = 0
[http]
port = 0
[[mqtt.listeners]]
name = "mutual"
kind = "tls"
ca = "$work/ca.pem"
verify = "required"
[[mqtt.listeners]]
name = "keys"
kind = "tls"
psk_file = "$work/keys.txt"
[[mqtt.listeners]]
name = "local"
kind = "unix"
socket = "$work/mqtt.sock"
[[mqtt.listeners]]
name = "proxied"
kind = "tcp"
proxy_protocol = "any"
TOML
"$root/bin/robust-server" start "$work/server.toml" > "$work/banner.txt"
"$root/bin/robust-server" status "$work/server.toml" -o json > "$work/status.json"
port_of() {
  node -e 'const { listeners } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
    process.stdout.write(String(listeners.find(({ name }) => name === process.argv[2]).port));' "$work/status.json" "$1"
}
facts_of() { # client, field: what the broker knows of a client that is connected
  "$root/bin/robust-ctl" mqtt client show "$1" --data-path "$work/data" -o json |
    node -e 'const facts = JSON.parse(require("node:fs").readFileSync(0, "utf8")); process.stdout.write(String(facts[process.argv[1]]));' "$2"
}

# Subscribes by the given way in the background; returns when the subscription is in force.
subscribe() { # client, arguments...
  local name=$1
  shift
  : > "$work/$name"
  stdbuf -oL mosquitto_sub -i "$name" -d -W 20 -C 1 -q 1 -t "debian/$name" -F 'message:%p' "$@" > "$work/$name" 2>&1 &
  receiver=$!
  local deadline=$((SECONDS + 10))
  until grep -q '^Subscribed' "$work/$name"; do
    ((SECONDS < deadline)) || { echo "FAILED  $name: no SUBACK"; cat "$work/$name"; exit 1; }
    read -rt 0.02 <> <(:) || true
  done
}
# A message by the same way arrives.
exchange() { # client, what is proven, arguments...
  local name=$1 proven=$2
  shift 2
  mosquitto_pub -q 1 -t "debian/$name" -m "by $name" "$@"
  wait "$receiver" || true
  verdict "$proven" "by $name" "$(sed -n 's/^message://p' "$work/$name")"
}

server_ca="$work/data/secrets/development-ca.pem"
tls=(-h localhost -p "$(port_of mutual)" --cafile "$server_ca")
subscribe mutual "${tls[@]}" --cert "$work/client.pem" --key "$work/client.key"
verdict 'the name in the certificate is the user' device-7 "$(facts_of mutual user)"
exchange mutual 'a certificate of the client' "${tls[@]}" --cert "$work/client.pem" --key "$work/client.key"
mosquitto_pub "${tls[@]}" -t debian/none -m x 2> /dev/null && answer=admitted || answer=refused
verdict 'no certificate where one is required' refused "$answer"

for version in tlsv1.2 tlsv1.3; do
  name="keys-$version"
  keys=(-h localhost -p "$(port_of keys)" --psk-identity meter-1 --tls-version $version)
  subscribe "$name" "${keys[@]}" --psk 00112233445566778899aabbccddeeff
  verdict "$version: the identity of the key is the user" meter-1 "$(facts_of "$name" user)"
  exchange "$name" "$version: a pre-shared key" "${keys[@]}" --psk 00112233445566778899aabbccddeeff
  mosquitto_pub "${keys[@]}" --psk ffffffffffffffffffffffffffffffff -t debian/none -m x 2> /dev/null && answer=admitted || answer=refused
  verdict "$version: another key" refused "$answer"
done

subscribe unix --unix "$work/mqtt.sock"
exchange unix 'a unix socket' --unix "$work/mqtt.sock"

if command -v haproxy > /dev/null; then
  read -r first second < <(node -e 'const { createServer } = require("node:net");
    const servers = [createServer(), createServer()];
    let open = 0;
    for (const server of servers) server.listen(0, "127.0.0.1", () => { open += 1;
      if (open < 2) return;
      console.log(servers.map((one) => one.address().port).join(" "));
      for (const one of servers) one.close();
    });')
  cat > "$work/haproxy.cfg" << CFG
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen version1
  bind 127.0.0.1:$first
  server broker 127.0.0.1:$(port_of proxied) send-proxy
listen version2
  bind 127.0.0.1:$second
  server broker 127.0.0.1:$(port_of proxied) send-proxy-v2
CFG
  haproxy -f "$work/haproxy.cfg" -db > "$work/haproxy.txt" 2>&1 &
  proxy=$!
  for version in 1 2; do
    at=(-h 127.0.0.1 -p "$([[ $version == 1 ]] && echo "$first" || echo "$second")")
    deadline=$((SECONDS + 10))
    until (exec 3<> "/dev/tcp/127.0.0.1/${at[3]}") 2> /dev/null; do ((SECONDS < deadline)) || break; done
    subscribe "proxied-$version" "${at[@]}" -A 127.0.0.9
    verdict "HAProxy's PROXY protocol v$version: the client's address" 127.0.0.9 "$(facts_of "proxied-$version" address | cut -d: -f1)"
    exchange "proxied-$version" "HAProxy's PROXY protocol v$version" "${at[@]}"
  done
  mosquitto_pub -h 127.0.0.1 -p "$(port_of proxied)" -t debian/none -m x 2> /dev/null && answer=admitted || answer=refused
  verdict 'a client without the header of a proxy' refused "$answer"
else
  echo 'skipped HAProxy: the package haproxy is not installed'
fi
exit $failed
