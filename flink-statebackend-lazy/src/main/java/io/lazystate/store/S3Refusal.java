package io.lazystate.store;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.http.SdkHttpResponse;

/** What S3 answers when it does not send what it was asked for. */
final class S3Refusal {

    /** Most that is read of a body: what is meant for us has some hundred bytes. */
    private static final int MOST_BYTES = 64 << 10;

    private S3Refusal() {}

    /**
     * Reads an answer.
     *
     * @param head its status is not 2xx
     * @param body an XML document with code and message, or anything else, or empty
     * @throws IOException if the connection breaks meanwhile
     */
    static AwsServiceException of(SdkHttpResponse head, InputStream body) throws IOException {
        Map<String, String> told = elements(body.readNBytes(MOST_BYTES));
        String code = told.get("Code");
        String message = told.get("Message");
        if (message == null) {
            message = head.statusText().orElse("no reason is told");
        }
        AwsErrorDetails.Builder details =
                AwsErrorDetails.builder()
                        .serviceName("S3")
                        .errorMessage(code == null ? message : code + ": " + message);
        if (code != null) {
            details.errorCode(code);
        }
        AwsServiceException.Builder refusal =
                AwsServiceException.builder()
                        .statusCode(head.statusCode())
                        .awsErrorDetails(details.build());
        head.firstMatchingHeader("x-amz-request-id").ifPresent(refusal::requestId);
        head.firstMatchingHeader("x-amz-id-2").ifPresent(refusal::extendedRequestId);
        return refusal.build();
    }

    /** The texts of a document, by the names of their elements, as far as it can be read. */
    private static Map<String, String> elements(byte[] document) {
        Map<String, String> texts = new TreeMap<>();
        String name = "";
        try {
            XMLStreamReader reader =
                    xml().createXMLStreamReader(new ByteArrayInputStream(document));
            while (reader.hasNext()) {
                int event = reader.next();
                if (event == XMLStreamReader.START_ELEMENT) {
                    name = reader.getLocalName();
                } else if (event == XMLStreamReader.END_ELEMENT) {
                    name = ""; // between elements is nothing but space
                } else if (event == XMLStreamReader.CHARACTERS) {
                    texts.merge(name, reader.getText(), String::concat);
                }
            }
        } catch (XMLStreamException e) {
            return texts; // no document: the status has to do
        }
        return texts;
    }

    /** A new one: they are not for several threads. */
    private static XMLInputFactory xml() {
        XMLInputFactory xml = XMLInputFactory.newDefaultFactory();
        xml.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        xml.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        return xml;
    }
}
