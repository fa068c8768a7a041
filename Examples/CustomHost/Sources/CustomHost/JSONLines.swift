import Foundation
import Pipeline

/// Your own store: each table is a file of JSON lines, to which rows are appended.
///
/// It keeps the ids of all rows in memory and reads the whole file for each question, so it is for small files.
struct JSONLines: RowStore {
    static let name = "json_lines"
    static let summary = "Stores rows as lines of JSON, in a file for each table."
    static let example = "json_lines: {folder: data}"

    @Setting("The folder of the files; it is made where it is missing.") var folder = "data"

    @State private var tables = Tables()

    init() {}

    init(folder: String) { self.folder = folder }

    func prepare(table: String) async throws {
        try await tables.prepare(path(of: table))
    }

    func insert(_ rows: [Row], into table: String) async throws { try await tables.insert(rows, path(of: table)) }

    func sessions(in table: String, limit: Int) async throws -> [Row.SessionSummary] {
        let bySession = Dictionary(grouping: try await tables.rows(path(of: table)), by: \.sessionID)
        let sorted = bySession.values.compactMap { rows in rows.max { $0.createdAt < $1.createdAt }.map { (rows, $0) } }
            .sorted { $0.1.createdAt > $1.1.createdAt }
        return sorted.prefix(limit).map { rows, last in
            Row.SessionSummary(
                id: last.sessionID, username: last.username, messages: rows.count,
                lastMessageAt: last.createdAt.description)
        }
    }

    func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Row] {
        let rows = try await tables.rows(path(of: table)).filter { $0.sessionID.utf8.elementsEqual(id.utf8) }
        return rows.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }.suffix(limit)
    }

    func tokensUsed(by user: Row.User, since time: Timestamp, in table: String) async throws -> Int {
        try await tables.rows(path(of: table)).filter { row in
            let isOwn =
                user.userID.map { id in row.userID.map { $0.utf8.elementsEqual(id.utf8) } ?? false }
                ?? (row.userID == nil && row.username.utf8.elementsEqual(user.username.utf8))
            return isOwn && row.createdAt >= time
        }.reduce(0) { $0 + ($1.tokensUsed ?? 0) }
    }

    func delete(_ ids: [UniqueID], from table: String) async throws { try await tables.delete(ids, path(of: table)) }

    func problems(of table: String) async throws -> [String] { [] }

    func migration(for table: String) -> String { "" }

    func migrate(_ table: String) async throws { try await prepare(table: table) }

    private func path(of table: String) -> String { "\(folder)/\(table).jsonl" }
}

/// The files, one job at a time, on a thread of the pool: a stage must not block the connection's own.
private actor Tables {
    /// For each file whether a row with an id may still give way to a whole answer.
    private var known: [String: [UniqueID: Bool]] = [:]

    func prepare(_ path: String) throws {
        if known[path] != nil { return }
        if !FileManager.default.fileExists(atPath: path) {
            let folder = URL(filePath: path).deletingLastPathComponent()
            do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
                throw unavailable(error)
            }
            guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
            else { throw PipelineError.databaseUnavailable("'\(path)' can't be made") }
        }
        known[path] = Dictionary(try rows(path).map { ($0.id, $0.isPartial && $0.mayComeAgain) }) { $1 }
    }

    func insert(_ rows: [Row], _ path: String) throws {
        try prepare(path)
        var ids = known[path] ?? [:]
        var lines = Data()
        for row in rows where ids[row.id] ?? true {
            ids[row.id] = row.isPartial && row.mayComeAgain
            lines += try Line.text(of: row)
        }
        try append(lines, to: path)
        known[path] = ids
    }

    func delete(_ ids: [UniqueID], _ path: String) throws {
        let gone = Set(ids)
        let left = try rows(path).filter { !gone.contains($0.id) }
        let lines = try left.reduce(into: Data()) { $0 += try Line.text(of: $1) }
        do { try lines.write(to: URL(filePath: path), options: .atomic) } catch { throw unavailable(error) }
        known[path] = Dictionary(left.map { ($0.id, $0.isPartial && $0.mayComeAgain) }) { $1 }
    }

    /// Of lines with one id the last counts. A line that a crash has torn is none.
    func rows(_ path: String) throws -> [Row] {
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: path)) } catch { throw unavailable(error) }
        var (rows, places): ([Row], [UniqueID: Int]) = ([], [:])
        for line in data.split(separator: UInt8(ascii: "\n")) {
            guard let row = Line.row(in: line) else { continue }
            if let place = places[row.id] {
                rows[place] = row
            } else {
                places[row.id] = rows.count
                rows.append(row)
            }
        }
        return rows
    }

    /// The client may hear that it is stored: it is on the disk.
    private func append(_ lines: Data, to path: String) throws {
        if lines.isEmpty { return }
        do {
            let file = try FileHandle(forUpdating: URL(filePath: path))
            defer { try? file.close() }
            let end = try file.seekToEnd()
            if end > 0 {
                try file.seek(toOffset: end - 1)
                if try file.read(upToCount: 1) != Data("\n".utf8) { try file.write(contentsOf: Data("\n".utf8)) }
            }
            try file.write(contentsOf: lines)
            try file.synchronize()
        } catch { throw unavailable(error) }
    }

    private func unavailable(_ error: any Error) -> PipelineError { .databaseUnavailable("\(error)") }
}

/// A row as its line has it, the columns named as in other databases.
private struct Line: Codable {
    let id, sessionId, prompt, response, username, createdAt: String
    let tokensUsed: Int?
    let metadata, userId: String?

    init(_ row: Row) {
        (id, sessionId, prompt, response) = (row.idText, row.sessionID, row.prompt, row.response)
        (username, createdAt, tokensUsed) = (row.username, row.createdAt.description, row.tokensUsed)
        (metadata, userId) = (row.metadata, row.userID)
    }

    static func text(of row: Row) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try encoder.encode(Line(row)) + [UInt8(ascii: "\n")]
    }

    static func row(in line: Data) -> Row? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let line = try? decoder.decode(Line.self, from: line), let time = Timestamp(line.createdAt) else {
            return nil
        }
        return Row(
            storedID: line.id, sessionID: line.sessionId, prompt: line.prompt, response: line.response,
            tokensUsed: line.tokensUsed, metadata: line.metadata, username: line.username, userID: line.userId,
            createdAt: time)
    }
}
