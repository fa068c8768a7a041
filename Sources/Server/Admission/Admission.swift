import NIOHTTP1
import Pipeline

/// What a client that may speak gets: the pipeline at its path, a session and a format.
struct Admission {
    let pipeline: ServedPipeline
    let session: Session
    let format: Message.Format
    /// The number of the last frame that a client saw which comes back.
    let seen: Int?
    /// Who was authenticated, by what; `nil` where nobody is.
    let credential: ClientCredential?
    /// What let the client in; `nil` where there is no authentication.
    let authenticator: Authenticator?
    var identity: Identity? { credential?.identity }
    /// Whether the client named the session.
    let isSessionGiven: Bool
    /// Whether the client has yet to say, by its first message, who it is.
    private(set) var awaitsToken = false
    /// What the client's request is a part of.
    let origin: TraceFields?

    /// Reads `session`, `username`, `format` and `after` from the query.
    ///
    /// - Parameters:
    ///   - address: Where the client connects from.
    ///   - authenticator: What has looked at the credential.
    init(
        pipeline: ServedPipeline, query: QueryItems, headers: HTTPHeaders = [:], address: String?,
        credential: ClientCredential? = nil, by authenticator: Authenticator? = nil
    ) throws(HTTPRejection) {
        self.pipeline = pipeline
        (self.credential, self.authenticator) = (credential, authenticator)
        let identity = credential?.identity
        isSessionGiven = query["session"] != nil
        origin = pipeline.chain.tracer == nil ? nil : TraceFields(headers)
        let id = try Admission.sessionID(query["session"])
        let username = try Admission.username(query["username"])
        session = Session(
            id: id, username: identity?.username ?? username ?? "WebUser", userID: identity?.userID, address: address)
        format = try Admission.format(query["format"], default: pipeline.entry.format)
        seen = try Admission.number(query["after"])
    }

    /// The same for a client that says by its first message who it is.
    func awaitingToken() -> Admission {
        var admission = self
        admission.awaitsToken = true
        return admission
    }

    /// The same for a client that has said who it is; without a credential where authentication has gone meanwhile.
    func identified(by credential: ClientCredential?, _ authenticator: Authenticator?) -> Admission {
        Admission(self, credential, authenticator)
    }

    private init(_ admission: Admission, _ credential: ClientCredential?, _ authenticator: Authenticator?) {
        (pipeline, format, seen) = (admission.pipeline, admission.format, admission.seen)
        origin = admission.origin
        isSessionGiven = admission.isSessionGiven
        (self.credential, self.authenticator) = (credential, authenticator)
        session = Session(
            id: admission.session.id, username: credential?.identity.username ?? admission.session.username,
            userID: credential?.identity.userID, address: admission.session.address)
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
        guard UserName.isValid(text) else {
            throw HTTPRejection(.badRequest, "username must have \(UserName.rule)")
        }
        return text
    }

    private static func format(_ text: String?, default: Message.Format) throws(HTTPRejection) -> Message.Format {
        guard let text else { return `default` }
        guard let format = Message.Format(rawValue: text) else {
            throw HTTPRejection(.badRequest, "format must be text or json")
        }
        return format
    }
}
