import HTTPClient
import Pipeline
import Server

/// The feed of a host's console.
struct HostFeed {
    let address: HostAddress
    /// The operator's key; `nil` where there is none.
    let key: String?

    /// Why nothing can be seen, and what to do.
    struct Problem: Error, CustomStringConvertible {
        let description: String

        /// - Parameter description: May repeat what the host has said.
        init(description: String) { self.description = PrintableText.escaped(description) }
    }

    /// An event, as it came and as it is read.
    struct Event {
        let text: String
        let value: JSONValue

        /// What it is: `figures`, `message` and so on.
        var type: String { value.string("type") }

        /// A line that no terminal obeys.
        var json: String { PrintableText.escaped(text) == text ? text : value.json }
    }

    /// Reads until the feed ends, or `take` says that it is enough.
    ///
    /// - Throws: ``Problem``, or `CancellationError`.
    func read(tap: String? = nil, session: String? = nil, _ take: (Event) throws -> Bool) async throws {
        var request = HTTPRequest(url: address.feed(tap: tap, session: session))
        request.headers = [("Accept", "text/event-stream")]
        if let key { request.headers.append(("Authorization", "Bearer \(key)")) }
        // It speaks each second.
        request.deadlines.idle = .seconds(15)
        request.deadlines.total = .seconds(366 * 86_400)
        request.bodyLimit = .max
        let client = HTTPClient()
        do {
            let response = try await client.execute(request)
            guard response.status == 200 else { throw try await problem(of: response) }
            var events = ServerSentEvents(limit: 16 << 20)
            for try await piece in response.body {
                for event in try events.read(piece) {
                    let text = String(decoding: event.data, as: UTF8.self)
                    guard let value = JSONValue(json: text) else { continue }
                    let read = Event(text: text, value: value)
                    if read.type == "end" {
                        throw Problem(description: "the host has ended it: \(read.value.string("reason"))")
                    }
                    if try !take(read) { return }
                }
            }
        } catch let error as HTTPClientError {
            throw problem(of: error)
        }
        throw Problem(description: "the connection to \(address.text) has ended")
    }

    private func problem(of response: HTTPStreamedResponse) async throws -> Problem {
        let body = String(decoding: try await response.body.collect(upTo: 64 << 10), as: UTF8.self)
        let said = body.split(separator: "\n").first.map { String($0.prefix(500)) } ?? ""
        let text =
            switch response.status {
            case 401 where key == nil:
                "the host wants an operator's key: put it into STAGECOACH_KEY"
            case 401: "the host does not take the key in STAGECOACH_KEY: \(said)"
            case 403: "the host does not show this: \(said)"
            case 404:
                "there is no console at \(address.text): its file says 'host: {console: off}', or it is not a host of "
                    + "this version"
            case 400, 503: said
            default: "\(address.text) answers \(response.status): \(said)"
            }
        return Problem(description: text)
    }

    private func problem(of error: HTTPClientError) -> any Error {
        switch error.code {
        case .cancelled: CancellationError()
        case .connectFailed, .nameNotResolved:
            Problem(
                description:
                    "no host answers at \(address.text): start one with 'stagecoach serve PIPELINE', or give the "
                    + "address that it prints")
        case .timeout where error.deadline == .idle:
            Problem(description: "\(address.text) says nothing any more")
        case .closedEarly: Problem(description: "the connection to \(address.text) has ended")
        case .tlsFailed: Problem(description: "TLS with \(address.text) failed: \(error.detail)")
        case .invalidResponse where address.text.hasPrefix("http://"):
            Problem(
                description: "\(address.text) does not answer in HTTP; a host with 'tls' has an address with https://")
        default: Problem(description: "\(address.text): \(error.detail)")
        }
    }
}

extension JSONValue {
    /// The member's text; empty where there is none.
    func string(_ name: String) -> String {
        if case .string(let text)? = self[name] { text } else { "" }
    }

    /// The member as a number; `nil` where it is none.
    func number(_ name: String) -> Double? { self[name]?.asNumber }

    /// The member's elements; none where it is no list.
    func list(_ name: String) -> [JSONValue] {
        if case .array(let values)? = self[name] { values } else { [] }
    }

    /// The member's own members that are numbers and not 0, by name.
    func counts(_ name: String) -> [(name: String, count: Int)] {
        guard case .object(let members)? = self[name] else { return [] }
        return members.compactMap { name, value in value.asNumber.map { (name, ConsoleNumber.whole($0)) } }
            .filter { $0.count != 0 }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }

    private var asNumber: Double? {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }
}
