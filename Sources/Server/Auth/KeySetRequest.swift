import HTTPClient
import Pipeline

/// Asks for a JSON Web Key Set at its address.
struct KeySetRequest: Sendable {
    /// What the issuer has answered.
    struct Answer: Sendable {
        let set: KeySet
        /// For how long it is good, where the answer says so.
        let maxAge: Duration?
    }

    /// The largest document that is taken: some 150 keys of RSA, and thirty times what issuers have.
    static let limit = 64 << 10
    /// How long it may take in all.
    static let time: Duration = .seconds(5)

    let address: KeySetAddress
    let client: HTTPClient

    /// - Parameter report: Told, in one sentence for the log, what the issuer's host does that it should not.
    init(_ address: KeySetAddress, report: @escaping @Sendable (String) -> Void = { _ in }) {
        self.address = address
        client = HTTPClient(report: report)
    }

    /// Asks once and lets go of the connection, as who only wants to see whether it works.
    static func tryOnce(_ address: KeySetAddress) async throws(KeySetProblem) -> Answer {
        let request = KeySetRequest(address)
        do throws(KeySetProblem) {
            let answer = try await request.answer()
            await request.client.shutdown()
            return answer
        } catch {
            await request.client.shutdown()
            throw error
        }
    }

    func answer() async throws(KeySetProblem) -> Answer {
        var request = HTTPRequest(
            url: address.text,
            headers: [("Accept", "application/jwk-set+json, application/json"), ("User-Agent", "stagecoach")])
        request.bodyLimit = KeySetRequest.limit
        request.deadlines.connect = KeySetRequest.time
        request.deadlines.total = KeySetRequest.time
        request.redirectLimit = 3
        request.staysAtOrigin = true
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try await client.send(request)
        } catch {
            throw KeySetProblem(description: error.description)
        }
        if (300..<400).contains(response.status) {
            throw KeySetProblem(
                description:
                    "status \(response.status): redirects to another host, scheme or port are not followed, nor "
                    + "more than \(request.redirectLimit); write the address that it leads to")
        }
        guard response.status == 200 else { throw KeySetProblem(description: "status \(response.status)") }
        guard let set = KeySet(response.body) else {
            throw KeySetProblem(description: "what came is no JSON Web Key Set: {\"keys\": […]}")
        }
        guard !set.keys.isEmpty else {
            throw KeySetProblem(
                description: "the key set has no key for \(KeySet.algorithmNames)"
                    + (set.notes.map { "; it has \($0)" } ?? ""))
        }
        let caching = response.headers.fields.filter { $0.name.lowercased() == "cache-control" }.map(\.value)
        return Answer(set: set, maxAge: KeySetRequest.maxAge(caching))
    }

    /// What `Cache-Control` says of how long an answer is good (RFC 9111 section 5.2.2.1); `nil` where it says nothing, or
    /// nothing that can be read.
    static func maxAge(_ fields: [String]) -> Duration? {
        for directive in fields.flatMap({ $0.split(separator: ",") }) {
            let parts = directive.filter { $0 != " " && $0 != "\t" }.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "max-age" else { continue }
            let digits = parts[1].filter { $0 != "\"" }
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return .seconds(Int(digits) ?? Int(Int32.max))
        }
        return nil
    }
}

/// Why an issuer's keys could not be had. Says nothing of the address.
package struct KeySetProblem: Error, CustomStringConvertible {
    package let description: String
}
