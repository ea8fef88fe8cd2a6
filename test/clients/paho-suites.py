"""Runs an interoperability suite of eclipse-paho/paho.mqtt.testing against a broker, in the folder that has client_test.py:

    PYTHONPATH=.../interoperability python3 paho-suites.py client_test|client_test5 HOST PORT

The suites take their names from variables of the module, and only some of them from the command line.
"""

import importlib
import sys
import unittest

suite, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
module = importlib.import_module(suite)
module.host, module.port = host, port
# client_test5.py sets them for itself.
module.topics = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
module.wildtopics = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")
module.nosubscribe_topics = ("test/nosubscribe",)
module.topic_prefix = "client_test5/"
unittest.main(module=module, argv=[suite], verbosity=0)
