import NIOHTTP1
import Pipeline
import Stages

/// What a client that may speak gets: the pipeline at its path, a session and a format.
struct Admission {
    let pipeline: ServedPipeline
    let session: Session
    let format: MessageFormat
    /// The number of the last frame that a client saw which comes back.
    let seen: Int?
    /// What the client's request is a part of.
    let origin: TraceFields?

    /// Reads `session`, `username`, `format` and `after` from the query.
    ///
    /// - Parameter address: Where the client connects from.
    init(
        pipeline: ServedPipeline, query: QueryItems, headers: HTTPHeaders, address: String?
    ) throws(HTTPRejection) {
        self.pipeline = pipeline
        origin = pipeline.chain.tracer == nil ? nil : TraceFields(headers)
        let id = try Admission.sessionID(query["session"])
        let username = try Admission.username(query["username"])
        session = Session(id: id, username: username ?? "WebUser", address: address)
        format = try Admission.format(query["format"], default: pipeline.entry.format)
        seen = try Admission.number(query["after"])
    }

    private static func number(_ text: String?) throws(HTTPRejection) -> Int? {
        guard let text else { return nil }
        guard let number = Int(text), number >= 0 else {
            throw HTTPRejection(.badRequest, "after must be the number of a frame")
        }
        return number
    }

    private static func sessionID(_ text: String?) throws(HTTPRejection) -> String {
        guard let text else { return UniqueID.random().description }
        guard let id = UniqueID(text), id.version == 4, id.isStandardVariant else {
            throw HTTPRejection(.badRequest, "session must be a UUID of version 4")
        }
        return id.description
    }

    private static func username(_ text: String?) throws(HTTPRejection) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard text.unicodeScalars.count <= 128, !text.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
            throw HTTPRejection(.badRequest, "username must be at most 128 printable characters")
        }
        return text
    }

    private static func format(_ text: String?, default: MessageFormat) throws(HTTPRejection) -> MessageFormat {
        guard let text else { return `default` }
        guard let format = MessageFormat(rawValue: text) else {
            throw HTTPRejection(.badRequest, "format must be text or json")
        }
        return format
    }
}
