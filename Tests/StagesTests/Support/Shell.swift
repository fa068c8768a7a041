import Foundation

/// Runs a program and gives what it printed.
///
/// - Throws: What it printed, where it failed.
@discardableResult
func shell(_ arguments: String..., input: String = "") throws -> String {
    struct Failure: Error, CustomStringConvertible { let description: String }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    let (stdin, stdout) = (Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stdout
    try process.run()
    try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try stdin.fileHandleForWriting.close()
    let output = String(decoding: try stdout.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw Failure(description: "\(arguments.joined(separator: " ")): \(output)")
    }
    return output
}
