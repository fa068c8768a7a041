import Foundation
import HTTPClient
import Pipeline
import Testing

@testable import Resources

/// What an API sends, and what is right then: one of the files in `Tests/Vendors`, whose README has their form.
struct VendorCase: Sendable, CustomTestStringConvertible {
    let vendor: String
    let name: String
    let isStreamed: Bool
    let status: Int
    let body: [UInt8]
    let expected: [String: JSONValue]

    var testDescription: String { "\(vendor): \(name)" }

    static let all: [VendorCase] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Vendors")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".txt") }.sorted().flatMap { name -> [VendorCase] in
            let text = (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? ""
            return text.components(separatedBy: "\n=== ").dropFirst().map { VendorCase($0, of: name) }
        }
    }()

    private init(_ text: String, of file: String) {
        let parts = text.components(separatedBy: "\n\n")
        let lines = parts[0].components(separatedBy: "\n")
        func setting(_ name: String) -> String? {
            lines.first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.count + 2)) }
        }
        vendor = String(file.dropLast(4))
        name = lines[0]
        isStreamed = setting("stream") == "true"
        status = Int(parts[1].prefix(12).suffix(3)) ?? 0
        var body = parts.dropFirst(2).joined(separator: "\n\n")
        // The separator took the last line end of every case but the last.
        if !body.hasSuffix("\n") { body += "\n" }
        if setting("trimmed") == "true" { body.removeLast() }
        self.body = setting("escapes") == "true" ? VendorCase.unescaped(body) : Array(body.utf8)
        guard case .object(let expected)? = setting("expect").flatMap(JSONValue.init(json:)) else {
            preconditionFailure("\(file): \(lines[0]) has no 'expect'")
        }
        self.expected = expected
    }

    private static func unescaped(_ text: String) -> [UInt8] {
        let parts = text.components(separatedBy: "\\x")
        return parts.dropFirst().reduce(into: Array(parts[0].utf8)) { bytes, part in
            bytes.append(UInt8(part.prefix(2), radix: 16) ?? 0)
            bytes += part.dropFirst(2).utf8
        }
    }
}

/// What became of a body.
struct VendorOutcome {
    private(set) var deltas: [String] = []
    private(set) var isThinking = false
    private(set) var result: Result<Completion, PipelineError>

    /// - Parameter size: How many bytes come at once.
    init(_ body: [UInt8], _ vendorCase: VendorCase, inPiecesOf size: Int = .max) {
        guard (200...299).contains(vendorCase.status) else {
            result = .failure(ModelError.refused(vendorCase.status, body, hiding: ReportedReason()))
            return
        }
        guard vendorCase.isStreamed else {
            result = Result { () throws(PipelineError) in try ChatResponse.completion(from: body) }
            return
        }
        var reader = AnswerReader()
        var deltas: [String] = []
        var isThinking = false
        result = Result { () throws(PipelineError) in
            for start in stride(from: 0, to: body.count, by: min(size, body.count + 1)) where !reader.isOver {
                try reader.append(Array(body[start..<min(body.count, start + min(size, body.count))]))
                while let delta = try reader.next() { deltas.append(delta) }
                if deltas.isEmpty, reader.isThinking { isThinking = true }
            }
            try reader.end()
            while let delta = try reader.next() { deltas.append(delta) }
            return try reader.completion()
        }
        (self.deltas, self.isThinking) = (deltas, isThinking)
    }
}
