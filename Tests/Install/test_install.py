"""docs/deploying.md on a bare Debian 12, command by command, in the page's order. `scripts/install-test` runs this."""

import json
import re
import resource
import subprocess
import time

LONGEST = 60


def test_from_a_bare_debian_to_a_conversation_in_five_commands_and_a_minute(bare, page, tarball):
    (block,) = page["A conversation in five commands"]
    assert len(block.splitlines()) == 5
    bare.put(tarball)
    assert bare.run("type curl || type swift || ls /usr/lib/x86_64-linux-gnu/libcurl.so.4", check=False).returncode != 0
    start = time.monotonic()
    done = bare.run(block + "\nkill $!; wait $! || true", timeout=LONGEST * 3)
    seconds = time.monotonic() - start
    print(f"{seconds:.1f} s")
    assert json.loads(done.stdout.splitlines()[-1])["response"] == "What is 2+2?"
    assert "listening on http://127.0.0.1:8080" in done.stdout
    assert seconds < LONGEST


def test_the_program_needs_the_packages_that_the_page_names_and_no_others(bare, page):
    (block,) = page["A conversation in five commands"]
    named = set(re.search(r"install --yes --no-install-recommends (.*)", block)[1].split())
    libraries = bare.run("ldd stagecoach-*/bin/stagecoach")
    assert "not found" not in libraries.stdout
    (program,) = (bare.root / "root").glob("stagecoach-*/bin/stagecoach")
    header = subprocess.run(["objdump", "-p", program], check=True, capture_output=True, text=True).stdout
    owners = bare.run("dpkg -S " + " ".join(f"'*/{name}'" for name in re.findall(r"NEEDED\s+(\S+)", header))).stdout
    packages = {line.split(":")[0] for line in owners.splitlines()}
    always = {"libc6", "libgcc-s1", "libstdc++6", "zlib1g"}
    assert packages - always == named - {"ca-certificates", "curl"}


def test_the_service_runs_as_its_user_and_can_do_no_more_than_it_must(server):
    process = server.run("systemctl show --value -p MainPID stagecoach").stdout.strip()
    status = server.run(f"cat /proc/{process}/status").stdout
    assert re.search(r"NoNewPrivs:\s+1", status) and re.search(r"Seccomp:\s+2", status)
    assert re.search(r"CapBnd:\s+0000000000000400\n", status)
    assert server.run(f"stat -c %U /proc/{process}").stdout == "stagecoach\n"
    modes = server.run("stat -c '%a %U %n' /var/lib/stagecoach /var/lib/stagecoach/*").stdout.splitlines()
    assert modes[0] == "700 stagecoach /var/lib/stagecoach"
    assert all(line.startswith("600 stagecoach ") for line in modes[1:]) and len(modes) > 2
    # A container can have no more than what it runs in.
    files = min(65_536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert re.search(rf"Max open files +{files} +{files} ", server.run(f"cat /proc/{process}/limits").stdout)
    exposure = server.run("systemd-analyze --no-pager security stagecoach | tail -n 1").stdout
    assert float(re.search(r": ([\d.]+) ", exposure)[1]) < 2.5, exposure


def test_the_first_entry_of_the_log_names_the_version_and_status_the_address(server):
    number, commit = re.search(r" ([\d.]+) \(commit (\S+)\)", server.run("stagecoach --version").stdout).groups()
    first = server.log()[0]
    assert (first["message"], first["version"], first["commit"]) == ("Starting", number, commit)
    assert "listening on http://127.0.0.1:8080" in server.run("systemctl --no-pager status stagecoach").stdout


def test_who_has_no_key_is_refused_and_a_key_is_exchanged_without_a_restart(server):
    assert server.ask("hello")[0] == 200 and server.ask("hello", key="wrong")[0] == 401
    old = server.run("cat /etc/stagecoach/keys/ann").stdout.strip()
    process = server.run("systemctl show --value -p MainPID stagecoach").stdout
    server.run("openssl rand -hex 24 | install -m 640 -g stagecoach /dev/stdin /etc/stagecoach/keys/ann; "
               "systemctl reload stagecoach")
    wait(lambda: server.ask("hello", key=old)[0] == 401, "the old key to be refused")
    assert server.ask("hello")[0] == 200
    assert server.run("systemctl show --value -p MainPID stagecoach").stdout == process


def test_a_secret_that_root_alone_can_read_is_a_credential_of_the_service(server):
    server.run("install -m 600 /etc/stagecoach/keys/ann /etc/stagecoach/secrets/bob")
    server.run("sed -i 's|^    keys:|    keys:\\n      - {key: {file: \"${CREDENTIALS_DIRECTORY}/secrets_bob\"}, user: bob}|; "
               "s|/etc/stagecoach/keys/ann|/etc/stagecoach/keys/anns|' /etc/stagecoach/chat.yaml; "
               "cp -p /etc/stagecoach/keys/ann /etc/stagecoach/keys/anns; "
               "openssl rand -hex 24 > /etc/stagecoach/keys/anns; systemctl restart stagecoach")
    assert server.ask("hello")[0] == 200
    assert server.run("runuser -u stagecoach -- cat /etc/stagecoach/secrets/bob", check=False).returncode != 0
    server.run("sed -i '/secrets_bob/d; s|keys/anns|keys/ann|' /etc/stagecoach/chat.yaml; systemctl restart stagecoach")


def test_a_file_with_an_error_is_said_by_check_and_by_the_start(server, page):
    check = page["Start it"][1]
    assert "/etc/stagecoach/chat.yaml: ok" in server.run(check).stdout
    server.run("cp -p /etc/stagecoach/chat.yaml good.yaml; sed -i 's/respond/respnd/' /etc/stagecoach/chat.yaml")
    done = server.run(check, check=False)
    assert done.returncode != 0 and "did you mean 'respond'?" in done.stdout + done.stderr
    assert server.run("systemctl restart stagecoach", check=False).returncode != 0
    assert "did you mean 'respond'?" in server.run("journalctl --no-pager -u stagecoach -n 30 -o cat").stdout
    server.run("cp -p good.yaml /etc/stagecoach/chat.yaml; systemctl reset-failed stagecoach; systemctl restart stagecoach")
    assert server.ask("hello")[0] == 200


def test_a_process_that_dies_is_started_again(server):
    server.run("systemctl kill --signal=KILL stagecoach")
    wait(lambda: server.run("systemctl is-active stagecoach", check=False).stdout == "active\n", "the next process")
    assert server.ask("hello")[0] == 200


def test_a_backup_of_a_host_that_works_is_put_back_whole(server, page):
    backup, restore = page["Backups"]
    prompts = [f"kept-{number}" for number in range(20)]
    for prompt in prompts:
        assert server.ask(prompt)[0] == 200
    wait(lambda: set(prompts) <= set(server.sql("select prompt from requests")), "the rows")
    # Some are only in the queue when the copies are made.
    lock(server, 4)
    waiting = [f"waiting-{number}" for number in range(5)]
    for prompt in waiting:
        assert server.ask(prompt)[0] == 200
    server.run(backup)
    assert server.ask("later")[0] == 200
    wait(lambda: "later" in server.sql("select prompt from requests"), "the rows")
    server.run("rm -f /var/lib/stagecoach/stagecoach.db; true")
    server.run(restore)
    wait(lambda: set(prompts + waiting) <= set(server.sql("select prompt from requests")), "the rows of the backup")
    assert server.sql("select count(*) - count(distinct id) from requests") == ["0"]
    assert "later" not in server.sql("select prompt from requests")


def test_an_upgrade_and_the_way_back_lose_nothing_of_the_database_and_the_queue(server, page, tarball, former):
    upgrade, (back,) = "\n".join(page["Upgrade"]), page["The way back"]
    before = server.sql("select id from requests")
    server.machine.put(tarball)
    server.run(f"touch {tarball.name}")
    prompts = []
    for step, (commands, folder) in enumerate([(upgrade, tarball), (back, former)]):
        # What is answered now can't be stored before the other version runs.
        lock(server, 12)
        for number in range(5):
            prompts.append(f"step-{step}-{number}")
            assert server.ask(prompts[-1])[0] == 200
        assert prompts[-1] not in server.sql("select prompt from requests")
        server.run(commands)
        assert server.run("readlink -f /opt/stagecoach").stdout.strip() == f"/opt/{folder.name.removesuffix('.tar.gz')}"
        program = server.run("readlink /proc/$(systemctl show --value -p MainPID stagecoach)/exe").stdout
        assert folder.name.removesuffix(".tar.gz") in program
        assert server.ask(f"after-{step}")[0] == 200
        prompts.append(f"after-{step}")
        wait(lambda: set(prompts) <= set(server.sql("select prompt from requests")), "the rows", 60)
    assert set(before) <= set(server.sql("select id from requests"))
    assert server.sql("select count(*) - count(distinct prompt) from requests where prompt like '%-%-%'") == ["0"]
    queue = server.run("curl --silent http://127.0.0.1:8080/metrics | grep '^stagecoach_queue_messages'").stdout
    assert queue.strip().endswith(" 0.0"), queue


def test_the_log_is_in_the_journal_as_json(server, page):
    (block,) = page["The log"]
    lines = server.run(block).stdout.splitlines()
    assert any(json.loads(line)["message"] == "Starting" for line in lines if line.startswith("{"))
    # Else there is what systemd says, and the line that says where the host listens.
    others = [line for line in lines if not line.startswith(("{", "listening on "))]
    limits = server.run("cat /proc/$(systemctl show --value -p MainPID stagecoach)/limits").stdout
    if not re.search(r"Max nice priority +24 ", limits):
        # A container can't be given more than it has.
        others = [line for line in others if not line.startswith("Failed to set thread priority")]
    assert all("tagecoach.service" in line for line in others), others


def test_prometheus_takes_the_metrics_and_the_rules_and_answers_the_board(server, page, bare):
    (block,) = page["What to watch"]
    server.run(block)
    (configuration,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", deploying(), re.DOTALL)
    server.run("apt-get install --yes --no-install-recommends prometheus")
    (bare.root / "etc/prometheus/prometheus.yml").write_text(f"global: {{scrape_interval: 1s}}\n{configuration}")
    assert "SUCCESS" in server.run("promtool check config /etc/prometheus/prometheus.yml 2>&1").stdout
    server.run("systemctl restart prometheus")
    api = "curl --silent --fail --retry 9 --retry-connrefused --retry-delay 1 http://127.0.0.1:9090/api/v1"
    wait(lambda: '"value"' in server.run(f"{api}/query?query=stagecoach_build_info", check=False).stdout, "a scrape")
    groups = json.loads(server.run(f"{api}/rules").stdout)["data"]["groups"]
    assert len(groups[0]["rules"]) > 10
    board = json.loads(server.run("cat stagecoach-board.json").stdout)
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            query = re.sub(r"\$(job|instance|pipeline)\b", ".*", target["expr"]).replace("$__rate_interval", "1m")
            answer = server.run(f"{api}/query --get --data-urlencode '{'query=' + query}'", check=False).stdout
            assert json.loads(answer)["status"] == "success", (panel["title"], query, answer)
    server.run("systemctl stop stagecoach")
    # Two scrapes later.
    wait(lambda: any(alert["name"] == "StagecoachDown" and alert["state"] != "inactive" for group in
                     json.loads(server.run(f"{api}/rules").stdout)["data"]["groups"] for alert in group["rules"]),
         "the alert that it is down", 150)
    server.run("systemctl start stagecoach; systemctl stop prometheus")


def test_tls_by_itself_on_port_443_and_a_renewed_certificate(server, page):
    (block,) = page["By itself"]
    server.run(block)

    def ask():
        return server.ask("hello", address="https://localhost", options="--cacert /root/fullchain.pem")

    assert ask()[0] == 200
    shown = "openssl s_client -connect 127.0.0.1:443 -servername localhost </dev/null 2>/dev/null | openssl x509 -noout -serial"
    before = server.run(shown).stdout
    server.run("\n".join(line for line in block.splitlines() if re.match(r"openssl|    -addext|install -m", line)))
    server.run("systemctl reload stagecoach")
    wait(lambda: server.run(shown).stdout != before, "the new certificate")
    assert ask()[0] == 200


def wait(condition, what, deadline=30):
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.3)


def lock(server, seconds):
    """Lets nobody write to the database for so long."""
    server.run(f"runuser -u stagecoach -- sqlite3 {server.folder}/stagecoach.db 'begin immediate' "
               f"'.shell touch /tmp/locked; sleep {seconds}; rm -f /tmp/locked' >/dev/null 2>&1 &\n"
               "until [ -e /tmp/locked ]; do sleep 0.1; done")


def deploying():
    from machine import ROOT

    return (ROOT / "docs/deploying.md").read_text()
