import FoundationEssentials
import Pipeline

/// What a client says in JSON format: `{"prompt": "…", "id": "c-1", "username": "…", "metadata": {…}}`.
///
/// Keys that are not known are ignored.
package struct ClientMessage: Decodable {
    package let prompt: String
    let id: String?
    let username: String?
    let metadata: [String: JSONValue]?

    /// Why a frame is no message, with the client's `id` where that can be read.
    package struct Refusal: Error {
        let error: PipelineError
        let id: String?
    }

    package static func read(_ frame: String) throws(Refusal) -> ClientMessage {
        let data = Data(frame.utf8)
        do {
            return try JSONDecoder().decode(ClientMessage.self, from: data)
        } catch DecodingError.dataCorrupted {
            throw Refusal(error: PipelineError(.invalidJSON, "Message is not valid JSON"), id: nil)
        } catch {
            let id = try? JSONDecoder().decode(IDOnly.self, from: data).id
            throw Refusal(error: PipelineError(.invalidMessage, ClientMessage.problem(error)), id: id)
        }
    }

    private struct IDOnly: Decodable {
        let id: String
    }

    private static func problem(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _):
            "The message has no '\(key.stringValue)'"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            context.codingPath.first.map { "'\($0.stringValue)' of the message has the wrong type" }
                ?? "The message is not a JSON object"
        default:
            "The message can't be read"
        }
    }
}
