"""Compares what clients were told with what the table has."""

import collections


def judge(answers, rows, asked):
    """What is wrong, each as a sentence.

    - answers: what the clients were told.
    - rows: `(session, id, prompt, response)` of the table, in the order in which they were stored.
    - asked: how often prompts were sent again; so many rows there may be that no client knows the id of.
    """
    wrong = []
    by_id = collections.defaultdict(list)
    for row in rows:
        by_id[str(row[1])].append(row)
    for answer in answers:
        found = by_id.get(answer.message_id, [])
        name = f"message {answer.number} of session {answer.session}, {answer.message_id},"
        if not found:
            wrong.append(f"{name} was answered and is not in the table")
        elif len(found) > 1:
            wrong.append(f"{name} is in the table {len(found)} times")
        elif found[0] != (answer.session, found[0][1], answer.prompt, answer.text):
            wrong.append(f"{name} was '{answer.text}', in the table it is {found[0]}")
    twice = [key for key, count in collections.Counter(
        (answer.session, answer.number) for answer in answers).items() if count > 1]
    wrong += [f"message {number} of session {session} was answered twice" for session, number in twice]
    known = {answer.message_id for answer in answers}
    unknown = [row for row in rows if str(row[1]) not in known]
    if len(unknown) > asked:
        wrong.append(f"{len(unknown)} rows have no answer, though only {asked} messages were sent again: {unknown[:3]}")
    last = {}
    for session, identifier, prompt, _ in rows:
        number = int(prompt.split(" ")[1])
        if number < last.get(session, 0):
            wrong.append(f"row {identifier}, message {number} of session {session}, was stored after message {last[session]}")
        last[session] = max(number, last.get(session, 0))
    return wrong
