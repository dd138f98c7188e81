# SPDX-License-Identifier: Apache-2.0
"""The oracle and the compiler, asked from Python (tests/oracle/main.c does the work).

    judge = Judge()
    answer = judge.pairs(objects, places, columns, node=["10.0.0.1"])
    answer["oracle"], answer["compiled"]      # a character for each connection
"""
import json
import os
import subprocess

BUILD = os.environ.get("top_builddir", os.getcwd())


class Refused(Exception):
    """An object was not accepted; the text names it."""


class Judge:
    def __init__(self):
        self.process = subprocess.Popen([os.path.join(BUILD, "tests/oracle/judge")], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"])
        return answer

    def connections(self, objects, connections, node=(), explain=False):
        """connections: (source, destination, protocol, port)."""
        return self.ask(objects=objects, connections=connections, node=node, explain=explain)

    def pairs(self, objects, places, columns, node=(), explain=False):
        """places: (IPv4 or None, IPv6 or None); columns: (protocol, port)."""
        return self.ask(objects=objects, places=places, columns=columns, node=node, explain=explain)


def pair_at(index, n_places):
    """Which connection of pairs() a character stands for: column, family, source, destination."""
    square = n_places * n_places
    return (index // (2 * square), 4 if index // square % 2 == 0 else 6,
            index % square // n_places, index % n_places)
