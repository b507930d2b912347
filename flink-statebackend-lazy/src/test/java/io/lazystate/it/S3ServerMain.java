package io.lazystate.it;

import java.io.IOException;

/**
 * Main class of the S3 server's own process: the server, and the end of it when nobody holds the
 * other end of its standard input any more, however the test ended.
 */
final class S3ServerMain {
    private S3ServerMain() {}

    public static void main(String[] arguments) throws ReflectiveOperationException {
        Thread watchdog = new Thread(S3ServerMain::endWithInput, "watchdog");
        watchdog.setDaemon(true);
        watchdog.start();
        // By name: the server's jar, which brings many libraries, is on this process's class path
        // only.
        Class.forName("org.gaul.s3proxy.Main")
                .getMethod("main", String[].class)
                .invoke(null, (Object) arguments);
    }

    private static void endWithInput() {
        try {
            while (System.in.read() >= 0) {
                // Nobody is expected to write.
            }
        } catch (IOException e) {
            // As good as the end.
        }
        Runtime.getRuntime().halt(0);
    }
}
