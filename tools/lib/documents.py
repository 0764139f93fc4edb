"""Looks into the documents that `tiktrue ... --json` prints, for the shell scripts here: documents.py QUESTION [WORD] <DOCUMENT

    lists NAME    `network discover`: exit 0 when a network of that name is listed
    filled        `network show`: exit 0 when every peer holds its blocks and every block can be computed
    field NAME    prints that field of the document"""

import json
import sys


def blocks(spans):
    return {block for first, last in spans for block in range(first, last + 1)}


def is_filled(network):
    peers = network["peers"]
    complete = all(blocks(peer["held"]) >= blocks(peer["blocks"]) | blocks(peer["copies"]) for peer in peers)
    ready = set().union(*(blocks(peer["loaded"]) for peer in peers))
    return complete and ready >= set(range(network["block_count"]))


def main():
    question, *words = sys.argv[1:]
    document = json.load(sys.stdin)
    match question:
        case "lists":
            return any(network["name"] == words[0] for network in document)
        case "filled":
            return is_filled(document)
        case "field":
            print(document[words[0]])
            return True
    sys.exit(__doc__)


if __name__ == "__main__":
    try:
        sys.exit(0 if main() else 1)
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"not the document that was expected: {error!r}")
