"""Python's paho client (Debian: python3-paho-mqtt 1.6) against a running broker.

usage: paho-client.py PORT
"""
import sys
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT = int(sys.argv[1])
DEADLINE_S = 10
failures = []


def verdict(name, expected, received):
    if expected == received:
        print(f"ok      {name}")
    else:
        print(f"FAILED  {name}: expected {expected!r}, received {received!r}")
        failures.append(name)


class Peer:
    """A client that keeps what it receives, and can be waited for."""

    def __init__(self, name, protocol, clean=True, **connect):
        self.received = []
        self.changed = threading.Condition()
        self.is_subscribed = False
        self.session_present = None
        options = {} if protocol == paho.MQTTv5 else {"clean_session": clean}
        self.client = paho.Client(client_id=name, protocol=protocol, **options)
        self.client.on_message = self.on_message
        self.client.on_subscribe = self.on_subscribe
        self.client.on_connect = self.on_connect
        if protocol == paho.MQTTv5:
            connect["clean_start"] = clean
        self.client.connect("127.0.0.1", PORT, **connect)
        self.client.loop_start()
        self.wait(lambda: self.session_present is not None, "CONNACK")

    def on_connect(self, client, userdata, flags, code, properties=None):
        with self.changed:
            self.session_present = flags["session present"]
            self.changed.notify_all()

    def on_subscribe(self, client, userdata, mid, granted, properties=None):
        with self.changed:
            self.is_subscribed = True
            self.changed.notify_all()

    def on_message(self, client, userdata, message):
        with self.changed:
            self.received.append(message)
            self.changed.notify_all()

    def wait(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(condition, DEADLINE_S):
                print(f"FAILED  waiting for {what}")
                sys.exit(1)

    def subscribe(self, topic, qos):
        self.is_subscribed = False
        self.client.subscribe(topic, qos)
        self.wait(lambda: self.is_subscribed, "SUBACK")

    def wait_for_messages(self, count):
        self.wait(lambda: len(self.received) >= count, f"{count} messages")
        return [message.payload.decode() for message in self.received]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


for version, label in ((paho.MQTTv31, "3.1"), (paho.MQTTv311, "3.1.1"), (paho.MQTTv5, "5.0")):
    receiver = Peer(f"paho-receiver-{label}", version)
    sender = Peer(f"paho-sender-{label}", version)
    receiver.subscribe(f"paho/{label}/+", 2)
    for qos in (0, 1, 2):
        sender.client.publish(f"paho/{label}/{qos}", f"qos{qos}", qos).wait_for_publish(DEADLINE_S)
    verdict(f"paho {label}: every QoS, in order", ["qos0", "qos1", "qos2"], receiver.wait_for_messages(3))
    verdict(f"paho {label}: QoS is kept", [0, 1, 2], [message.qos for message in receiver.received])
    receiver.close()
    sender.close()

properties = Properties(PacketTypes.PUBLISH)
properties.UserProperty = [("a", "1"), ("b", "2"), ("a", "3")]
properties.ContentType = "text/plain"
properties.CorrelationData = b"\x00\x01"
receiver = Peer("paho-properties", paho.MQTTv5)
receiver.subscribe("paho/properties", 1)
receiver.client.publish("paho/properties", "x", 1, properties=properties)
receiver.wait_for_messages(1)
got = receiver.received[0].properties
verdict(
    "paho 5.0: properties pass through",
    ([("a", "1"), ("b", "2"), ("a", "3")], "text/plain", b"\x00\x01"),
    (got.UserProperty, got.ContentType, got.CorrelationData),
)
receiver.close()

first = Peer("paho-session", paho.MQTTv311, clean=False)
first.subscribe("paho/session", 1)
first.close()
sender = Peer("paho-session-sender", paho.MQTTv311)
sender.client.publish("paho/session", "while away", 1).wait_for_publish(DEADLINE_S)
second = Peer("paho-session", paho.MQTTv311, clean=False)
verdict("paho 3.1.1: a session waits for its client", (1, ["while away"]), (second.session_present, second.wait_for_messages(1)))
second.close()
sender.close()
Peer("paho-session", paho.MQTTv311, clean=True).close()

members = [Peer("paho-member-a", paho.MQTTv311, clean=False), Peer("paho-member-b", paho.MQTTv5)]
for member in members:
    member.subscribe("$share/paho/shared/+", 2)
sender = Peer("paho-shared-sender", paho.MQTTv5)
words = [f"{index:02}" for index in range(40)]
for index, word in enumerate(words):
    sender.client.publish(f"shared/{index % 5}", word, index % 3).wait_for_publish(DEADLINE_S)
pause = threading.Event()
for _ in range(DEADLINE_S * 20):
    if sum(len(member.received) for member in members) >= len(words):
        break
    pause.wait(0.05)
got = sorted(message.payload.decode() for member in members for message in member.received)
verdict("paho: each message of a shared subscription comes to one member", words, got)
members[0].client.unsubscribe("$share/paho/shared/+")
for peer in [*members, sender]:
    peer.close()
Peer("paho-member-a", paho.MQTTv311, clean=True).close()

sys.exit(1 if failures else 0)
