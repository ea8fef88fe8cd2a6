#!/usr/bin/env bash
# Debian's own clients against a running broker: mosquitto_pub and mosquitto_sub, and Python's paho.
#
#   test/clients/debian.sh PORT [TLS_PORT CA_FILE]
#
# Each check starts its receiver, waits until the broker has its subscription (mosquitto_sub -d says so), sends, and compares what came.
set -euo pipefail

port=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'jobs -p | xargs -r kill 2>/dev/null || true; rm -rf "$work"' EXIT
at=(-h 127.0.0.1 -p "$port")
tls=${2:-}
ca=${3:-}
failed=0

verdict() { # name, expected, received
  if [[ "$2" == "$3" ]]; then
    echo "ok      $1"
  else
    echo "FAILED  $1: expected '$2', received '$3'"
    failed=1
  fi
}

# Starts mosquitto_sub with the given arguments and returns when its subscription is in force. Its messages go to $work/$1.
subscribe() { # name, arguments...
  local name=$1
  shift
  : > "$work/$name"
  # A debug line and a message may share the stream: messages are marked, so that they can be told apart.
  stdbuf -oL mosquitto_sub "${at[@]}" -d -W 20 -F 'message:%p:retain=%r' "$@" > "$work/$name" 2>&1 &
  receiver=$!
  local deadline=$((SECONDS + 10))
  until grep -q '^Subscribed' "$work/$name"; do
    ((SECONDS < deadline)) || { echo "FAILED  $name: no SUBACK"; cat "$work/$name"; exit 1; }
    read -rt 0.02 <> <(:) || true
  done
}

# Waits for the receiver and leaves what came in $came, joined by blanks. Not in a subshell: that cannot wait for our children.
collect() { # name
  wait "$receiver" || true
  came=$(sed -n 's/^message://p' "$work/$1" | tr '\n' ' ' | sed 's/ $//')
}

for version in mqttv311 mqttv5; do
  for qos in 0 1 2; do
    name="$version-qos$qos"
    subscribe "$name" -V $version -q $qos -t "debian/$name/#" -C 3
    for word in one two three; do mosquitto_pub "${at[@]}" -V $version -q $qos -t "debian/$name/x" -m "$word"; done
    collect "$name"
    verdict "$name" 'one:retain=0 two:retain=0 three:retain=0' "$came"
  done

  name="$version-retained"
  mosquitto_pub "${at[@]}" -V $version -q 1 -r -t "debian/$name" -m kept
  subscribe "$name" -V $version -q 1 -t "debian/$name" -C 1
  collect "$name"
  verdict "$name" 'kept:retain=1' "$came"
  mosquitto_pub "${at[@]}" -V $version -r -n -t "debian/$name" # Takes it away again.

  name="$version-will"
  subscribe "$name" -V $version -q 1 -t "debian/$name" -C 1
  watcher=$receiver
  : > "$work/$name-dying"
  stdbuf -oL mosquitto_sub "${at[@]}" -d -V $version -t "debian/$name/none" --will-topic "debian/$name" --will-payload gone --will-qos 1 > "$work/$name-dying" 2>&1 &
  dying=$!
  until grep -q '^Subscribed' "$work/$name-dying"; do read -rt 0.02 <> <(:) || true; done
  kill -9 $dying
  wait $dying 2> /dev/null || true
  receiver=$watcher
  collect "$name"
  verdict "$name" 'gone:retain=0' "$came"
done

# Many messages, in order.
name=order
subscribe $name -q 1 -t "debian/$name" -C 1000
seq 1 1000 | mosquitto_pub "${at[@]}" -q 1 -t "debian/$name" -l
collect $name
verdict 'a thousand in order' "$(seq 1 1000 | sed 's/$/:retain=0/' | tr '\n' ' ' | sed 's/ $//')" "$came"

# Over TLS, verified by the authority of the broker; and a client that trusts nobody is not deceived.
if [[ -n "$tls" ]]; then
  plain=("${at[@]}")
  for version in tlsv1.2 tlsv1.3; do
    at=(-h localhost -p "$tls" --cafile "$ca" --tls-version $version)
    subscribe "$version" -q 1 -t "debian/$version" -C 1
    mosquitto_pub "${at[@]}" -q 1 -t "debian/$version" -m sealed
    collect "$version"
    verdict "$version" 'sealed:retain=0' "$came"
  done
  at=("${plain[@]}")
  mosquitto_pub -h localhost -p "$tls" --capath /etc/ssl/certs -t debian/none -m x 2> /dev/null && answer=trusted || answer=refused
  verdict 'an authority that the client does not know' refused "$answer"
  if command -v openssl > /dev/null; then
    answer=$(openssl s_client -connect "localhost:$tls" -CAfile "$ca" -verify_return_error < /dev/null 2> /dev/null | grep -c 'Verify return code: 0 (ok)' || true)
    verdict 'openssl s_client' 1 "$((answer > 0))"
  fi
fi

# A shared subscription whose members are away: what was published meanwhile is one member's each.
for member in first second; do
  mosquitto_sub "${at[@]}" -V mqttv311 -c -i "debian-$member" -q 1 -t '$share/debian/jobs/#' -E > /dev/null
done
seq 1 40 | mosquitto_pub "${at[@]}" -q 1 -t jobs/debian -l
# The first takes half and leaves; what it had not acknowledged by then comes to the second once more.
shared=$(mosquitto_sub "${at[@]}" -V mqttv311 -c -i debian-first -q 1 -t '$share/debian/jobs/#' -C 20 -W 20)
shared+=$'\n'$(mosquitto_sub "${at[@]}" -V mqttv311 -c -i debian-second -q 1 -t '$share/debian/jobs/#' -W 3 || true)
verdict 'a shared subscription that waits' "$(seq 1 40 | tr '\n' ' ')" "$(sort -nu <<< "$shared" | sed '/^$/d' | tr '\n' ' ')"

python=''
for candidate in /usr/bin/python3 python3; do
  if "$candidate" -c 'import paho.mqtt.client' 2> /dev/null; then python=$candidate && break; fi
done
if [[ -n "$python" ]]; then
  "$python" "$here/paho-client.py" "$port" || failed=1
else
  echo 'skipped paho: the package python3-paho-mqtt is not installed'
fi
exit $failed
