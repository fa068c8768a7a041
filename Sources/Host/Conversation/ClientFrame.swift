import FoundationEssentials
import Pipeline

/// What a client says in JSON format.
///
/// Keys that are not known are ignored.
package enum ClientFrame: Decodable {
    /// `{"prompt": "…", "id": "c-1", "username": "…", "metadata": {…}}`: something to answer.
    case prompt(Prompt)
    /// `{"type": "cancel", "id": "c-1"}`: no answer is wanted any more.
    case cancel(id: String)

    package struct Prompt: Decodable {
        let prompt: String
        let id: String?
        let username: String?
        let metadata: [String: JSONValue]?
    }

    /// Why a frame is none of these, with the client's `id` where that can be read.
    package struct Refusal: Error {
        package let error: PipelineError
        package let id: String?
    }

    private enum Keys: String, CodingKey {
        case type, id
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        if (try? container.decodeIfPresent(String.self, forKey: .type)) == "cancel" {
            self = .cancel(id: try container.decode(String.self, forKey: .id))
        } else {
            self = .prompt(try Prompt(from: decoder))
        }
    }

    package static func read(_ frame: String) throws(Refusal) -> ClientFrame {
        let data = Data(frame.utf8)
        do {
            return try JSONDecoder().decode(ClientFrame.self, from: data)
        } catch DecodingError.dataCorrupted {
            throw Refusal(error: PipelineError(.invalidJSON, "Message is not valid JSON"), id: nil)
        } catch {
            throw Refusal(error: PipelineError(.invalidMessage, ClientFrame.problem(error)), id: id(of: frame))
        }
    }

    /// The client's `id`, whatever else the frame says.
    static func id(of frame: String) -> String? {
        try? JSONDecoder().decode(IDOnly.self, from: Data(frame.utf8)).id
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
