import Foundation
import Glibc

/// Runs a shell script and gives what it printed.
///
/// On a thread of its own, so that the few that run tests are never held up. Not by Foundation's `Process`, which waits for everything that a program left behind: servers, too.
///
/// - Throws: What it printed, where it failed.
@discardableResult
func shell(_ script: String) async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try blockingShell(script) }) }
    }
}

private func blockingShell(_ script: String) throws -> String {
    struct Failure: Error, CustomStringConvertible { let description: String }
    guard let stream = popen("set -e; exec 2>&1 </dev/null\n\(script)\n", "r") else {
        throw Failure(description: "no shell could be started")
    }
    var output: [UInt8] = []
    while case let byte = getc(stream), byte != EOF { output.append(UInt8(truncatingIfNeeded: byte)) }
    let text = String(decoding: output, as: UTF8.self)
    guard pclose(stream) == 0 else { throw Failure(description: "\(script): \(text)") }
    return text
}
