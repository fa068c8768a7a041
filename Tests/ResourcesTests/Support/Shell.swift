import Foundation
import Glibc

/// Runs a shell script and gives what it printed.
///
/// On a thread of its own, so that the few that run tests are never held up.
///
/// - Throws: What it printed, where it failed.
@discardableResult
func shell(_ script: String) async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try blockingShell(script) }) }
    }
}

/// Not by Foundation's `Process`, which waits for everything that a program left behind, servers too; nor by `popen`,
/// whose programs keep open what the other tests want to close.
private func blockingShell(_ script: String) throws -> String {
    struct Failure: Error, CustomStringConvertible { let description: String }
    let path = "/tmp/stagecoach-shell-\(UUID().uuidString)"
    defer { unlink(path) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    defer { posix_spawn_file_actions_destroy(&actions) }

    let closing = "for f in /proc/$$/fd/*; do n=${f##*/}; if [ $n -gt 2 ]; then eval \"exec $n>&-\"; fi; done"
    let words: [String] = ["bash", "-ec", "\(closing)\n\(script)"]
    let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    defer { for argument in arguments { free(argument) } }
    var pid = pid_t()
    let status = posix_spawn(&pid, "/bin/bash", &actions, nil, arguments + [nil], environ)
    guard status == 0 else { throw Failure(description: "no shell could be started: \(status)") }
    var end: Int32 = 0
    while waitpid(pid, &end, 0) < 0, errno == EINTR {}
    let output = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    guard end == 0 else { throw Failure(description: "\(script): \(output)") }
    return output
}
