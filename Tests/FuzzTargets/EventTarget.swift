import HTTPClient
import Pipeline
import Resources

/// A stream of events from a model's API: the same events however it is cut. The first byte is the size of the pieces.
enum EventTarget {
    private static let limit = 512

    static func run(_ bytes: [UInt8]) {
        guard let size = bytes.first else { return }
        let whole = events(in: [Array(bytes.dropFirst())])
        let cut = events(in: pieces(bytes.dropFirst(), of: 1 + Int(size % 16)))
        // What an event too large cuts off depends on the cuts: the events of the same read are lost with it.
        precondition(whole.isTooLarge == cut.isTooLarge, "too large in one way of two")
        precondition(whole.isTooLarge || whole.events == cut.events, "\(whole.events) is not \(cut.events)")
        precondition(cut.events.allSatisfy { $0.data.count <= limit }, "an event past the limit")
        read(whole.events.map(\.data))
        readBody(Array(bytes.dropFirst()), in: 1 + Int(size % 16))
    }

    /// A whole body: the same answer, or an error, however it is cut.
    private static func readBody(_ body: [UInt8], in size: Int) {
        let (whole, text) = answer(in: [body])
        let (cut, cutText) = answer(in: pieces(body[...], of: size))
        precondition(whole == cut, "\(String(describing: whole)) is not \(String(describing: cut))")
        precondition(whole == nil || text == whole?.text && cutText == text, "\(text) is not \(cutText)")
        if let response = whole?.response {
            let isJSON = Array(response.utf8).withUnsafeBytes { try? JSONReader.value(of: $0, isLenient: true) } != nil
            precondition(isJSON, "\(response) is stored")
        }
    }

    private static func answer(in reads: [[UInt8]]) -> (Completion?, String) {
        var reader = AnswerReader()
        var text = ""
        do throws(PipelineError) {
            for bytes in reads where !reader.isOver {
                try reader.append(bytes)
                while let delta = try reader.next() { text += delta }
            }
            try reader.end()
            while let delta = try reader.next() { text += delta }
            return (try reader.completion(), text)
        } catch {
            precondition(!error.message.isEmpty && error.detail?.isEmpty == false, "an error without a reason")
            return (nil, text)
        }
    }

    /// What any events come to is an answer or an error, and the pieces of an answer are its text.
    private static func read(_ events: [[UInt8]]) {
        var answer = StreamedAnswer()
        var text = ""
        do throws(PipelineError) {
            for event in events { text += try answer.add(event) }
            let completion = try answer.completion()
            precondition(completion.text == text, "\(completion.text) came as \(text)")
        } catch {
            precondition(!error.message.isEmpty, "an error without a message")
        }
    }

    private static func events(in reads: [[UInt8]]) -> (events: [ServerSentEvent], isTooLarge: Bool) {
        var parser = ServerSentEvents(limit: limit)
        var events: [ServerSentEvent] = []
        for bytes in reads {
            do throws(HTTPClientError) {
                events += try parser.read(bytes)
            } catch {
                return (events, true)
            }
        }
        return (events, false)
    }
}
