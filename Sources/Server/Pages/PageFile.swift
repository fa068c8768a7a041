import CPages
import NIOCore
import NIOHTTP1

/// A file of the pages, which is part of the program: at `/assets/NAME`.
struct PageFile: Sendable {
    private let content: PageContent

    /// The file at a path of the host; `nil` where there is none.
    init?(at path: String) {
        guard path.hasPrefix("/assets/"), let content = PageFile.served[String(path.dropFirst("/assets/".count))] else {
            return nil
        }
        self.content = content
    }

    func answer(to head: HTTPRequestHead) -> HTTPAnswer { content.answer(to: head) }

    /// The bytes of a file, as it lies in `Sources/CPages/files`; `nil` where there is no such file.
    static func bytes(of name: String) -> ByteBuffer? { files[name] }

    private static let files: [String: ByteBuffer] = {
        var files: [String: ByteBuffer] = [:]
        var count = 0
        let first = stagecoach_page_files(&count)
        for file in UnsafeBufferPointer(start: first, count: count) {
            let bytes = UnsafeRawBufferPointer(start: file.bytes, count: file.length)
            files[String(cString: file.name)] = ByteBuffer(bytes: bytes)
        }
        return files
    }()

    /// Those that are served as they are. Documents have a path of their own, and something to say of the host.
    private static let served: [String: PageContent] = {
        var served: [String: PageContent] = [:]
        for (name, bytes) in files {
            guard let ending = name.split(separator: ".").last, let type = types[String(ending)] else { continue }
            served[name] = PageContent(bytes, type: type)
        }
        return served
    }()

    private static let types = [
        "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
    ]
}
