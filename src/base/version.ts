/** Version of the product; the tidy test holds it equal to package.json. */
export const PRODUCT_VERSION = '0.1.0';
