import Pipeline
import Synchronization

/// What a value holds that hosts change together.
protocol SharedContent: Equatable, Sendable {
    /// As it is written.
    var bytes: [UInt8] { get }

    /// What was found; nothing is known where there is nothing, or something else.
    init(_ bytes: [UInt8]?)
}

/// Why a value could not be changed.
enum SharedCellFailure: Error {
    /// What keeps it can't be reached, for longer than a message waits.
    case away
    /// Other hosts have been faster all the time.
    case contended
}

/// The values of one limit, and what this host is called in them.
final class SharedCells: Sendable {
    let values: any SharedValues
    let outage: SharedOutage
    /// Another one for each start of a host: a generation, in which numbers only grow.
    let writer = String(UInt64.random(in: .min ... .max), radix: 36)
    private let lastNumber = Atomic<UInt64>(0)

    init(_ values: any SharedValues, outage: SharedOutage) { (self.values, self.outage) = (values, outage) }

    func nextNumber() -> UInt64 { lastNumber.add(1, ordering: .relaxed).newValue }
}

/// A value that hosts change by reading it and writing it where nobody has written since.
///
/// Beside the content stands which writes of which hosts are in it. So a write whose answer was lost is known to be done, or not,
/// once the value is read again, and is never done twice.
struct SharedCell<Content: SharedContent>: Sendable {
    private struct Found {
        let content: Content
        let writes: SharedWrites
        let revision: UInt64
    }

    private let cells: SharedCells
    private let key: String
    private var known: Found?
    /// What is older comes from a server that lags, or may yet be overtaken by a write of this host that nobody has answered:
    /// what follows from it counts only once it is written.
    private var floor: UInt64 = 0

    /// How long other hosts may be faster.
    private let patience: Duration

    init(_ key: String, in cells: SharedCells, patience: Duration = .seconds(5)) {
        (self.key, self.cells, self.patience) = (key, cells, patience)
    }

    /// Reads it again at the next change, as other hosts may have changed it.
    mutating func forget() { known = nil }

    /// Changes it. Where nothing changes, nothing is written.
    ///
    /// - Parameter body: Called again with what is there whenever another host was faster; only what it returned for the
    ///   change that was made counts.
    mutating func change<Result>(
        _ body: (inout Content) -> Result
    ) async throws(SharedCellFailure) -> Result {
        var unanswered: [UInt64: Result] = [:]
        var backoff = SharedBackoff(from: .milliseconds(1), to: .milliseconds(50))
        let begun = ContinuousClock.now
        var conflicts = 0
        while true {
            do throws(SharedFailure) {
                let result = try await cells.outage.bridge { () async throws(SharedFailure) -> Result? in
                    try await step(&unanswered, body)
                }
                if let result { return result }
            } catch {
                throw .away
            }
            conflicts += 1
            guard .now - begun < patience else { throw .contended }
            if conflicts > 1 { await backoff.wait() }
        }
    }

    /// - Returns: `nil` where another host was faster.
    private mutating func step<Result>(
        _ unanswered: inout [UInt64: Result], _ body: (inout Content) -> Result
    ) async throws(SharedFailure) -> Result? {
        let found = try await look()
        if let number = found.writes.number(of: cells.writer), let result = unanswered[number] {
            return done(found, result)
        }
        if found.revision >= floor {
            floor = found.revision
            unanswered = [:]
        }
        var content = found.content
        let result = body(&content)
        if content == found.content, found.revision >= floor {
            known = found
            return result
        }
        let number = cells.nextNumber()
        var writes = found.writes
        writes.note(number, of: cells.writer)
        unanswered[number] = result
        known = nil
        floor = max(floor, found.revision + 1)
        let revision = try await cells.values.set(key, writes.bytes + content.bytes, ifRevision: found.revision)
        guard let revision else {
            unanswered[number] = nil
            return nil
        }
        return done(Found(content: content, writes: writes, revision: revision), result)
    }

    private mutating func done<Result>(_ found: Found, _ result: Result) -> Result {
        known = found
        floor = found.revision
        cells.outage.end()
        return result
    }

    private func look() async throws(SharedFailure) -> Found {
        if let known { return known }
        let value = try await cells.values.get(key)
        let (writes, content) = SharedWrites.split(value?.bytes)
        return Found(content: Content(content), writes: writes, revision: value?.revision ?? 0)
    }
}

/// The last write of each host that is in a value, by the number that the host gave it. The hosts that have written last are
/// the last; of very many the first are forgotten.
struct SharedWrites: Equatable, Sendable {
    private var all: [(writer: Substring, number: UInt64)] = []

    private static let most = 16

    /// How many hosts have written of late.
    var count: Int { all.count }

    static func == (left: SharedWrites, right: SharedWrites) -> Bool { left.bytes == right.bytes }

    func number(of writer: String) -> UInt64? { all.last { $0.writer == writer }?.number }

    mutating func note(_ number: UInt64, of writer: String) {
        all.removeAll { $0.writer == writer }
        all.append((Substring(writer), number))
        if all.count > Self.most { all.removeFirst() }
    }

    /// A line before the content.
    var bytes: [UInt8] { Array((all.map { "\($0.writer):\($0.number)" }.joined(separator: " ") + "\n").utf8) }

    /// The writes, and the content behind them.
    static func split(_ bytes: [UInt8]?) -> (SharedWrites, content: [UInt8]?) {
        var writes = SharedWrites()
        guard let bytes, let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return (writes, bytes) }
        for word in String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ") {
            let parts = word.split(separator: ":")
            guard parts.count == 2, let number = UInt64(parts[1]) else { continue }
            writes.all.append((parts[0], number))
        }
        return (writes, Array(bytes[(end + 1)...]))
    }
}
