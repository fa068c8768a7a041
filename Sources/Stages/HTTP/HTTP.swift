import HTTPClient
public import Pipeline

/// Calls an HTTP API, and takes parts of its answer into the message.
public struct HTTP: BoundedStage {
    public static let name = "http"
    public static let summary = "Calls any HTTP API; parts of its answer go into fields of the message."
    public static let example = """
        - http: {url: "https://api.example.com/tags?text={{prompt}}", timeout: 5s, into: {metadata.topic: tag}}
        """

    /// Where the API is.
    @Setting(
        "The address, with fields in its path or query: https://api.example.com/tags?text={{prompt}}; they are escaped."
    )
    public var url: URLTemplate

    /// What is done there.
    @Setting("The method; POST where there is a body, else GET.") public var method: Method?

    /// Header fields.
    @Setting("Header fields, with fields in them: {Authorization: \"Bearer ${KEY}\"}.")
    public var headers: [String: MessageTemplate] = [:]

    /// What is sent.
    @Setting("What is sent: a mapping or list as JSON, with fields in its texts, or a text as it is.")
    public var body: BodyTemplate?

    /// How long the call may take in all.
    @Setting("How long the call may take in all; after it the error is http_timeout.", in: .milliseconds(1)...)
    public var timeout: Duration = .seconds(30)

    /// What becomes of the answer.
    @Setting("Which field gets which part of the answer: {metadata.topic: labels.0.name}; '.' is all of it.")
    public var into = WritableFields<AnswerPath>()

    /// The largest answer that is accepted.
    @Setting("The largest answer that is accepted.") public var limit = ByteSize.mebibytes(1)

    @State private var calls = HTTPCalls()

    public init() {}

    public var requires: Fields {
        var fields = $url?.template.requires ?? []
        for header in headers.sorted(by: { $0.key < $1.key }) { fields.formUnion(header.value.requires) }
        if let body { fields.formUnion(body.requires) }
        fields.formUnion(into.requires)
        return fields
    }

    public var provides: Fields { into.provides }

    public var longestRun: Duration? { timeout }

    public func open(_ context: StageContext) async throws {
        calls.open(context.logger)
    }

    public func close() async {
        await calls.close()
    }

    public func run(_ message: inout Message) async throws {
        let answer = try await calls.send(try request(for: message))
        guard (200..<300).contains(answer.status) else { throw HTTPFailure.refused(answer) }
        guard !into.all.isEmpty else { return }
        let content = HTTPAnswerContent(answer.body)
        let values = try into.all.map { ($0.path, try content.value(at: $0.value)) }
        for (path, value) in values {
            path.set(value, in: &message)
            // What the API said is stored with the answer that was made of it, as a model's response is.
            if case .completion = path, content.isJSON { message.completion?.response = content.text }
        }
    }

    private func request(for message: Message) throws(PipelineError) -> HTTPRequest {
        let method = method ?? (body == nil ? .get : .post)
        var request = HTTPRequest(method: method.rawValue, url: try url.text(for: message))
        request.headers = headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value.headerText(for: message)) }
        let names = Set(request.headers.map { $0.name.lowercased() })
        if !names.contains("user-agent") { request.headers.append(("User-Agent", "stagecoach")) }
        if let body {
            request.body = Array(body.text(for: message).utf8)
            if !names.contains("content-type") { request.headers.append(("Content-Type", body.contentType)) }
        }
        request.deadlines.total = timeout
        request.deadlines.connect = min(request.deadlines.connect, timeout)
        request.deadlines.idle = min(request.deadlines.idle, timeout)
        request.bodyLimit = limit.bytes
        return request
    }
}

extension HTTP {
    /// What can be done at an address.
    public enum Method: String, CaseIterable, SettingValue {
        /// Reads.
        case get = "GET"
        /// Hands something over.
        case post = "POST"
        /// Puts something in place.
        case put = "PUT"
        /// Changes a part.
        case patch = "PATCH"
        /// Removes.
        case delete = "DELETE"
    }
}

extension MessageTemplate {
    /// The text for a message, in which a field can't end the line and begin a header field of its own.
    fileprivate func headerText(for message: Message) -> String {
        text(for: message) { value in
            String(
                String.UnicodeScalarView(value.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
        }
    }
}

extension HTTP: Guaranteeing {
    public var guarantees: [Guarantee] {
        [
            Guarantee(
                "largest answer", "takes answers of at most \(limit.settingText ?? "\(limit)")",
                .atMost(Double(limit.bytes)),
                otherwise: "takes answers of any size")
        ]
    }
}
