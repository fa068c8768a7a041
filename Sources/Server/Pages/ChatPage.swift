import NIOHTTP1
import Pipeline

/// The chat page at `/`, which is part of the program and asks nobody else for anything.
extension HostRoutes {
    /// The page for the pipelines that are served. With authentication it asks for a key or token, which it keeps to itself.
    func chatPage(for head: HTTPRequestHead, from sender: Sender) -> HTTPAnswer {
        let list = pipelines.map { pipeline in
            var object = JSONText()
            object.add("name", pipeline.name)
            object.add("path", pipeline.path)
            return object.finished
        }
        return PageDocument.answer(
            "chat.html",
            [
                "pipelines": "[\(list.joined(separator: ","))]", "needs-token": "\(rules.authenticator != nil)",
                "has-history": "\(history)", "has-console": "\(mayOpenConsole(head, from: sender))",
            ], to: head)
    }
}
